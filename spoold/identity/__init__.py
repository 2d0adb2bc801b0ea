"""People: who somebody is, proven by what, when; passwords, sessions, throttling."""
