"""Sentences to learn from: a corpus of real ones, or an oracle of made ones."""
