"""Marks of printers: what a QR code beside one proves, namely that it was made here for that printer."""

import base64
import hmac

from spoold.keys.tags import Tags

MARK = b"spoold/printer-mark/v1"
# 128 bits cannot be guessed, and make a code that a phone reads from a step away.
MARK_BYTES = 16
MARK_CHARACTERS = 22


class PrinterMarks:
    """Makes and checks marks; they name a printer, never a job or a person, and hang there for all to see."""

    def __init__(self, tags: Tags) -> None:
        self._tags = tags

    def path_of(self, printer: str) -> str:
        """Return the address of a printer's page, below the portal's own."""
        return f"/p/{printer}/{_written(self._tags.of(MARK, printer))}"

    def is_right(self, printer: str, mark: str) -> bool:
        """Tell whether a mark was made here for this printer, under any store key still known."""
        presented = mark.encode("utf-8", "replace")
        made = [_written(tag).encode() for tag in self._tags.all_of(MARK, printer)]
        return any(hmac.compare_digest(one, presented) for one in made)


def _written(tag: bytes) -> str:
    return base64.urlsafe_b64encode(tag[:MARK_BYTES]).decode("ascii").rstrip("=")
