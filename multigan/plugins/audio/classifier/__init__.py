"""A small classifier of sounds: what generated ones are scored with."""
