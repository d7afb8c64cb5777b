"""Clips to learn from: of files, or synthetic."""
