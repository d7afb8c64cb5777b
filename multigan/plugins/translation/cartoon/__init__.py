"""Photo to cartoon: imitate a drawn abstraction, then play against real cartoons."""
