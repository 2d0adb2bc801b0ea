"""Places where sealed containers lie."""
