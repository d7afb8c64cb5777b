"""The latent space of a trained generator: its directions, a picture's place in it, edits."""
