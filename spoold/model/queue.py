"""Queue: what clients print to (an IPP Printer object)."""

import enum
from dataclasses import dataclass
from datetime import timedelta


class Authentication(enum.StrEnum):
    """Whether a client must prove who it is when it submits."""

    REQUIRED = "required"
    AT_RELEASE = "at-release"


class Release(enum.StrEnum):
    """What lets a held job go."""

    BY_OWNER = "by-owner"
    ON_ARRIVAL = "on-arrival"


@dataclass(frozen=True, slots=True)
class Queue:
    """A configured queue.

    Args:
        printers: names of printers, the first is the preferred one.
        description: what people read when they add the queue.
        formats: MIME types accepted here; None means all that spoold takes.
        advertise: whether the local network is told of it.
    """

    name: str
    printers: tuple[str, ...]
    mask_names: bool
    authentication: Authentication
    release: Release
    expires_after: timedelta
    description: str = ""
    formats: frozenset[str] | None = None
    advertise: bool = True
