"""Restoration: pictures from what is left of them; the damage is done on the fly."""
