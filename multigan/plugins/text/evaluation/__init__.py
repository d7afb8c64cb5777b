"""How well a text GAN writes, and whether better than the likelihood training before it."""
