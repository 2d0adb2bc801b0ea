"""Release: who may have a job out, when paper may come, and what became of it."""
