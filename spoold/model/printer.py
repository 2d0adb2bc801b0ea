"""Printer: the machine on the floor, and what is known of its readiness."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class PrinterReason:
    """One of "printer-state-reasons" and what it means for a release.

    Args:
        keyword: as the printer said it, suffix included.
        blocks: whether it stands in the way of a release.
        text: the same in words for people.
    """

    keyword: str
    blocks: bool
    text: str


@dataclass(frozen=True, slots=True)
class PrinterStatus:
    """What a printer said of itself, at one moment.

    Args:
        ready: whether a document may be sent now. False whenever anything is in doubt.
        state: idle, processing, stopped or unknown.
        read_at: when the answer arrived.
        why: one sentence for people when not ready, else empty.
    """

    printer: str
    ready: bool
    state: str
    reasons: tuple[PrinterReason, ...]
    read_at: datetime
    why: str = ""

    @property
    def blocking(self) -> tuple[PrinterReason, ...]:
        """The reasons that stand in the way."""
        return tuple(reason for reason in self.reasons if reason.blocks)


@dataclass(frozen=True, slots=True)
class Printer:
    """A configured printer.

    Args:
        uri: ipp, ipps or folder.
        ca: PEM file that an ipps printer's certificate must chain to; None means the system's.
        pin: "sha256:HEX" of the certificate's public key (SPKI); takes precedence over `ca`.
        block_on: further state reasons that block a release here, suffix stripped.
        cost: what a page costs, in thousandths of the site's currency; None is not known.
    """

    name: str
    uri: str
    location: str = ""
    ca: str | None = None
    pin: str | None = None
    block_on: frozenset[str] = frozenset()
    cost: int | None = None
