"""CycleGAN between two unpaired folders."""
