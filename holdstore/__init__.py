"""Sealed containers: format, keys, blobs, shredding and checking. No jobs' states, no users."""
