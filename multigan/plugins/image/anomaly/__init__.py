"""Unusual pictures: those that a generator of normal ones cannot repeat."""
