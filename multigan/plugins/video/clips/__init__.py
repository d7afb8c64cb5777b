"""Clips: where they come from, and how windows are cut out of them."""
