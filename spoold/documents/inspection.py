"""The words of this room: what an inspection found, and whether documents can be inspected at all."""

from dataclasses import dataclass

__all__ = ["Inspection", "SandboxState", "unknown"]


@dataclass(frozen=True)
class Inspection:
    """What is known about one document. Advisory: policy decides on it, printing never depends on it.

    `known` says that `pages` is certain. When it is False, `reason` tells a person why; `pages` may still
    hold what the document says of itself (a document of more pages than are counted), which a rule may use
    to refuse but must not take for proof. None in `encrypted` and `broken` means: not looked at, or not
    found out.
    """

    format: str
    """The MIME type that was inspected, as `sniff` found it."""
    pages: int | None = None
    """Pages of the document itself: not sheets, not impressions, copies not counted."""
    page_sizes: tuple[tuple[float, float], ...] = ()
    """The different page sizes in the order they first appear, (width, height) in points of 1/72 inch."""
    encrypted: bool | None = None
    broken: bool | None = None
    known: bool = False
    reason: str | None = None
    """Why the pages are not known, in words. Never holds anything out of the document."""


@dataclass(frozen=True)
class SandboxState:
    """Whether the document worker could be locked in, and why not. Not ok: no document is parsed."""

    ok: bool
    reason: str | None = None
    landlock_abi: int | None = None
    """The kernel's landlock version (see landlock(7)), when it has one."""


def unknown(
    mime: str, reason: str, *, encrypted: bool | None = None, broken: bool | None = None
) -> Inspection:
    """Build the answer that is always allowed: the pages are not known, and `reason` says why."""
    return Inspection(format=mime, encrypted=encrypted, broken=broken, known=False, reason=reason)
