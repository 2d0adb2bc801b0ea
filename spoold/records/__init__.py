"""Evidence: the audit chain, the time line of each job, and the one door through which states change."""
