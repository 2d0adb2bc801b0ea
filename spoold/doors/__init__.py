"""Requests in, answers out: IPP, LPR, the web and the control socket. Doors do not know each other."""
