"""Naming actions: what generated motions are scored with."""
