"""The flow in: a submission becomes a held job, or a refusal that says why."""
