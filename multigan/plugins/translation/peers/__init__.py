"""Generators that other projects have trained: their layouts, one a file."""
