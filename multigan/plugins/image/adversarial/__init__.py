"""The game of a generator and a discriminator of pictures."""
