"""What a recipe can say, as typed sections; nothing here imports torch."""
