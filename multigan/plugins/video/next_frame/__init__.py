"""What comes next: frames after those that are given."""
