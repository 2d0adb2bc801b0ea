"""Takes printer job commands off a document as it arrives, and says in IPP's words what they asked for.

What is stored is the document alone: what the commands asked for becomes attributes of the job, where the
site's rules can see and change it, and no command ever reaches a printer.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from protocols.appsocket.pjl import PjlFilter
from protocols.errors import RemoteProtocolError
from protocols.ipp.message import Attribute
from protocols.ipp.values import Resolution, enum, integer, keyword, resolution
from protocols.limits import PjlLimits
from spoold.documents.sniff import OCTET_STREAM
from spoold.model.errors import UnsupportedDocument

__all__ = ["Ticket", "Unwrapper"]

_PCL = "application/vnd.hp-PCL"
_TEXT = "text/plain"
MAX_COPIES: Final = 999

# The names after "ENTER LANGUAGE", and which formats the document behind it may then be.
_LANGUAGES: Mapping[str, frozenset[str]] = {
    "PDF": frozenset({"application/pdf"}),
    "PCLM": frozenset({"application/PCLm"}),
    "POSTSCRIPT": frozenset({"application/postscript"}),
    "PCL": frozenset({_PCL}),
    "PCLXL": frozenset({"application/vnd.hp-PCLXL"}),
    "URF": frozenset({"image/urf"}),
    "PWGRASTER": frozenset({"image/pwg-raster"}),
    "JPEG": frozenset({"image/jpeg"}),
    "TEXT": frozenset({_TEXT}),
}
_AUTOMATIC = frozenset({None, "AUTO", "AUTOMATIC"})
# PCL has no mark of its own: any text is PCL, and a driver may begin with any command.
_MAYBE_PCL = frozenset({OCTET_STREAM, _TEXT})

# PWG 5101.1 names of the sizes that drivers name.
_PAPER: Mapping[str, str] = {
    "LETTER": "na_letter_8.5x11in",
    "LEGAL": "na_legal_8.5x14in",
    "LEDGER": "na_ledger_11x17in",
    "EXECUTIVE": "na_executive_7.25x10.5in",
    "A3": "iso_a3_297x420mm",
    "A4": "iso_a4_210x297mm",
    "A5": "iso_a5_148x210mm",
    "A6": "iso_a6_105x148mm",
    "JISB4": "jis_b4_257x364mm",
    "JISB5": "jis_b5_182x257mm",
    "COM10": "na_number-10_4.125x9.5in",
    "DL": "iso_dl_110x220mm",
    "C5": "iso_c5_162x229mm",
}
_COLOR_MODES: Mapping[str, str] = {"COLOR": "color", "GRAYSCALE": "monochrome"}
_DRAFT = 3  # "print-quality", RFC 8011 5.2.13
_RESOLUTIONS: Mapping[str, int] = {"300": 300, "600": 600, "1200": 1200}


@dataclass(slots=True)
class Ticket:
    """What a document itself asked for; filled while it arrives.

    Args:
        template: Job Template attributes.
        job_name: what the commands called the job; private.
    """

    template: tuple[Attribute, ...] = ()
    job_name: str = field(default="", repr=False)


class Unwrapper:
    """Takes the commands off one document, piece by piece."""

    def __init__(self) -> None:
        self._filter = PjlFilter(PjlLimits())

    def receive_data(self, data: bytes) -> bytes:
        """Take the next piece of the stream, return what of it is the document.

        Raises:
            UnsupportedDocument: the stream holds commands that no print job needs; with words for people.
        """
        return self._guarded(lambda: self._filter.receive_data(data))

    def finish(self) -> bytes:
        """End the stream; returns and raises as `receive_data`."""
        return self._guarded(self._filter.finish)

    def format(self, found: str) -> str:
        """Return the document's format.

        Args:
            found: what its first bytes look like.

        Raises:
            UnsupportedDocument: the commands announced something else.
        """
        wrapper = self._filter.wrapper
        language = None if wrapper is None else wrapper.language
        if language in _AUTOMATIC or found in _LANGUAGES.get(language or "", ()):
            return found
        if language == "PCL" and found in _MAYBE_PCL:
            return _PCL
        raise UnsupportedDocument(
            f"The document was announced as {language} but is {found}; print it as PDF.", found=found
        )

    def fill(self, ticket: Ticket) -> None:
        """Write down what was asked for; to be called at the end."""
        wrapper = self._filter.wrapper
        if wrapper is not None:
            ticket.template = _template(wrapper.settings)
            ticket.job_name = wrapper.job_name

    def _guarded(self, step: Callable[[], bytes]) -> bytes:
        try:
            return step()
        except RemoteProtocolError as error:
            raise UnsupportedDocument(
                f"The document cannot be printed safely: {error}. Print it again as PDF.", reason=str(error)
            ) from error


def _template(settings: Mapping[str, str]) -> tuple[Attribute, ...]:
    """Return Job Template attributes (RFC 8011 5.2); a value that is not understood is none."""
    found: list[Attribute] = []
    copies = max(_number(settings.get("COPIES")), _number(settings.get("QTY")))
    if copies > 1:
        found.append(integer("copies", min(copies, MAX_COPIES)))
    if settings.get("DUPLEX") == "OFF":
        found.append(keyword("sides", "one-sided"))
    elif settings.get("DUPLEX") == "ON":
        edge = "short" if settings.get("BINDING") == "SHORTEDGE" else "long"
        found.append(keyword("sides", f"two-sided-{edge}-edge"))
    if media := _PAPER.get(settings.get("PAPER", "")):
        found.append(keyword("media", media))
    if mode := _COLOR_MODES.get(settings.get("RENDERMODE", "")):
        found.append(keyword("print-color-mode", mode))
    if settings.get("ECONOMODE") == "ON":
        found.append(enum("print-quality", _DRAFT))
    if dots := _RESOLUTIONS.get(settings.get("RESOLUTION", "")):
        found.append(resolution("printer-resolution", Resolution(dots, dots)))
    return tuple(found)


def _number(text: str | None) -> int:
    return int(text) if text is not None and text.isascii() and text.isdigit() and len(text) < 10 else 1
