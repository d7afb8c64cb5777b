"""Translating films: frame after frame in three threads, steadied over time."""
