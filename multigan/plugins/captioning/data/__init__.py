"""Pictures with captions: reading them, and as numbers."""
