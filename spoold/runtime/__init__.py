"""What surrounds the daemon's work: clock, logging, metrics, limits, supervision, systemd, health."""
