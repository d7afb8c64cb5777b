"""CUT and FastCUT: one direction between two unpaired folders, by contrast instead of a cycle."""
