"""What is computed once for an image: what it is of a stage's objective, and where it is kept."""
