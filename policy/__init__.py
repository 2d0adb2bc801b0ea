"""Facts in, decision out: rules, schedules, masking and explanation. Pure."""
