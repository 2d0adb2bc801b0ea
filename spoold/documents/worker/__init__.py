"""The document worker: a process that reads one document inside a sandbox and knows nothing else."""
