"""A small classifier: what generated pictures are scored with where nothing larger fits."""
