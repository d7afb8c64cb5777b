"""Pictures, sentences and clips, from where they lie to what a network sees."""
