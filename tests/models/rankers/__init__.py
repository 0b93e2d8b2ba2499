"""What judges candidates in the place of the ranking path."""
