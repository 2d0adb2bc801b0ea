"""Wire formats and transports: no jobs, no users, no database."""
