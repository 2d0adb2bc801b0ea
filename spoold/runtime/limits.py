"""The daemon's own bounds (protocol bounds are in protocols.limits), each with its reason."""

import os
from dataclasses import dataclass, field

KIB = 1024
MIB = 1024 * 1024
GIB = 1024 * 1024 * 1024


def _hash_workers() -> int:
    # One core stays free for everybody else while passwords are hashed (238 ms of CPU each at cost 12).
    return max(1, len(os.sched_getaffinity(0)) - 1)


@dataclass(frozen=True, slots=True)
class DaemonLimits:
    """Sizes, counts and terms the daemon holds itself and its clients to."""

    # --- documents coming in
    # Plans and photo books reach a few GiB as raster; more is a mistake or an attack on the disk.
    max_document_bytes: int = 4 * GIB
    # Clients send one; multi-document jobs of scanners' batches reach a few dozen.
    max_documents_per_job: int = 64
    # Each body in flight holds one 1 MiB segment and one seal in work.
    max_intake_bodies: int = 64
    # One user's forgotten loop must not fill the store for everybody.
    max_held_jobs_per_user: int = 500
    # A claimed name proves nothing, so one address may not fill the store under a thousand names.
    max_unclaimed_jobs_per_address: int = 1_000
    # Below the larger of the two nothing is accepted any more, so that releases still have room to work.
    min_free_fraction: float = 0.05
    min_free_bytes: int = 1 * GIB
    # Deleted first when the disk is full to the last byte: lets SQLite commit the releases that free space.
    reserve_bytes: int = 16 * MIB

    # --- people
    hash_workers: int = field(default_factory=_hash_workers)
    # With 238 ms a hash the last in the queue waits about 15 s on one core; beyond that, 503 is kinder.
    hash_queue: int = 64
    # Refused before hashing; no person types more, and hashing megabytes is work for free.
    max_password_bytes: int = 1_024

    # --- documents looked at
    # Workers at a time; each may take a core and 512 MiB (documents.pool has the worker's own bounds).
    inspection_workers: int = 2

    # --- control socket
    max_control_request_bytes: int = 1 * MIB
    max_control_connections: int = 16

    # --- stopping
    # Longer than any honest body pause, shorter than the unit's TimeoutStopSec=60.
    drain_timeout_s: float = 30.0

    def required_free_bytes(self, total_bytes: int) -> int:
        """Return how many bytes must stay free on a file system of `total_bytes` for new jobs to be taken."""
        return max(self.min_free_bytes, int(total_bytes * self.min_free_fraction))
