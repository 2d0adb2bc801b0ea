"""Migration scripts, one a revision; never changed once released."""
