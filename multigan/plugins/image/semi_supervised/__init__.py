"""Classification with few labels: the discriminator names classes, and "generated" is one more."""
