"""Metrics: one a file, pure functions whose protocol is named."""
