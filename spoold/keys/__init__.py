"""Keys: where the store key comes from, and what is sealed under a job's own key."""
