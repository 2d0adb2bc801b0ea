"""Queue: what clients print to (an IPP Printer object)."""

import enum
from dataclasses import dataclass
from datetime import timedelta

from protocols.ipp.values import Resolution


class Authentication(enum.StrEnum):
    """Whether a client must prove who it is when it submits."""

    REQUIRED = "required"
    AT_RELEASE = "at-release"


class Release(enum.StrEnum):
    """What lets a held job go."""

    BY_OWNER = "by-owner"
    ON_ARRIVAL = "on-arrival"


class ClaimRule(enum.StrEnum):
    """Whose a held job may become that came without proof, besides the person it was sent by name for."""

    BY_NAME = "by-name"
    SAME_ADDRESS = "same-address"
    OPEN = "open"


@dataclass(frozen=True, slots=True)
class CapabilityOverrides:
    """What a queue says it can do in place of what its printers say; None leaves what they say.

    Args:
        sides, finishings: values of the Job Template attributes of these names (RFC 8011 5.2).
        color: False offers black and white only.
        media, media_ready: names of sizes (PWG 5101.1), all and those in the trays.
        resolutions: cross feed, feed and 3 for dots per inch (RFC 8011 5.1.16).
    """

    sides: tuple[str, ...] | None = None
    color: bool | None = None
    media: tuple[str, ...] | None = None
    media_ready: tuple[str, ...] | None = None
    finishings: tuple[int, ...] | None = None
    resolutions: tuple[Resolution, ...] | None = None


@dataclass(frozen=True, slots=True)
class Queue:
    """A configured queue.

    Args:
        printers: names of printers, the first is the preferred one.
        description: what people read when they add the queue.
        formats: MIME types accepted here; None means all that spoold takes.
        capabilities: what the configuration says in place of the printers.
        advertise: whether the local network is told of it.
        pins: whether a job may bring a PIN that releases it ("job-password", PWG 5100.11).
        shows_held_as_completed: clients are told that a held job is completed.
        show_names_to_approvers: whoever is to approve a job sees what its document is called.
        badges: whether a badge and PIN is enough at a station to release its jobs.
        claim: who may claim an unclaimed job; by name always.
        claim_known_names: also where the name it was sent under is the name of somebody else's account.
    """

    name: str
    printers: tuple[str, ...]
    mask_names: bool
    authentication: Authentication
    release: Release
    expires_after: timedelta
    description: str = ""
    formats: frozenset[str] | None = None
    capabilities: CapabilityOverrides = CapabilityOverrides()
    advertise: bool = True
    pins: bool = False
    shows_held_as_completed: bool = False
    show_names_to_approvers: bool = False
    badges: bool = True
    claim: ClaimRule = ClaimRule.BY_NAME
    claim_known_names: bool = False
