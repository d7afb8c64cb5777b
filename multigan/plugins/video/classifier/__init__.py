"""Naming what happens in a clip, to score generated ones with."""
