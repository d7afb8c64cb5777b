"""Photo to drawing: imitate an algorithm that draws, then play against real art."""
