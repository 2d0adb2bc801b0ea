"""The control file of RFC 1179 section 7: who says they print what, and how.

Nothing in it is proven: the user name is a claim, names are texts in whatever charset the client's
desktop used, and hosts are what the client believes it is called.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from protocols.errors import RemoteProtocolError
from protocols.limits import LprLimits

# 7.17 to 7.30: a lower-case letter prints the data file it names. "l" passes it through as it is.
LITERAL = "l"
# A client that wants more copies than this made a mistake; the policy bounds honest ones.
MAX_COPIES = 999

_TEXT_FIELDS = {
    "H": "host",
    "P": "user",
    "J": "job_name",
    "T": "title",
    "C": "class_name",
    "L": "banner_user",
    "M": "mail_to",
}
# People's texts are cut when they are too long; elsewhere half a name would be a wrong one.
_CUTTABLE = frozenset("JTCNMIW")


@dataclass(frozen=True, slots=True)
class ControlDocument:
    """One data file to print.

    Args:
        data_file: its name on the wire ("dfA123host").
        format: the print letter: "f" formatted text, "l" as it is, "o" PostScript, "p" with headings ...
        source_name: what the file is called at the client (N), empty if not told; private.
        copies: how often.
    """

    data_file: str
    format: str = LITERAL
    source_name: str = field(default="", repr=False)
    copies: int = 1


@dataclass(frozen=True, slots=True)
class ControlFile:
    """What the client says of a job. Names of jobs and documents are private and stay out of `repr`."""

    user: str = ""
    host: str = ""
    job_name: str = field(default="", repr=False)
    title: str = field(default="", repr=False)
    class_name: str = field(default="", repr=False)
    banner_user: str = ""
    mail_to: str = ""
    documents: tuple[ControlDocument, ...] = ()

    def matched(self, data_files: Sequence[str]) -> tuple[ControlDocument, ...]:
        """Return the description of each received data file, in their order.

        By name; a file that is not named takes the first description left over (clients cut host names
        differently in the two places), or a plain one if there is none.
        """
        by_name = {document.data_file: document for document in self.documents}
        left = [document for document in self.documents if document.data_file not in data_files]
        found: list[ControlDocument] = []
        for name in data_files:
            document = by_name.get(name)
            if document is None:
                document = replace(left.pop(0), data_file=name) if left else ControlDocument(name)
            found.append(document)
        return tuple(found)


def parse_control_file(raw: bytes, limits: LprLimits) -> ControlFile:
    """Parse a control file.

    Unknown lines are ignored, as RFC 1179 section 7 lets them be. A print line repeated for the same file
    asks for another copy (section 7.18 and following; rlpr and BSD lpr do that), as does "K" with a number.

    Raises:
        RemoteProtocolError: too long, too many lines or files, or a line longer than allowed.
    """
    if len(raw) > limits.max_control_file_bytes:
        raise RemoteProtocolError("the control file is too long", status_hint=1)
    # A trailing NUL belongs to some clients' count.
    raw = raw.rstrip(b"\0")
    # Line feeds are the rule; carriage returns before them are dropped, and alone they end lines as well.
    lines = raw.split(b"\n" if b"\n" in raw else b"\r")
    if len(lines) > limits.max_control_lines + 1:  # the last line feed leaves an empty piece
        raise RemoteProtocolError("the control file has too many lines", status_hint=1)
    builder = _Builder(limits)
    for line in lines:
        builder.add(line.rstrip(b"\r"))
    return builder.build()


def decode_text(raw: bytes) -> str:
    """Decode a name of unknown charset: UTF-8 where it is valid, ISO 8859-1 else; no control characters."""
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        text = raw.decode("iso-8859-1")
    if text.isprintable():
        return text.strip()
    return "".join(char if char.isprintable() else "\ufffd" for char in text).strip()


@dataclass(slots=True)
class _Draft:
    """A data file's description while its lines are read."""

    letter: str
    source: str = field(repr=False)
    copies: int = 1


class _Builder:
    """Collects the lines of one control file."""

    def __init__(self, limits: LprLimits) -> None:
        self._limits = limits
        self._texts: dict[str, str] = {}
        self._documents: dict[str, _Draft] = {}
        self._last: _Draft | None = None
        self._early_source = ""
        self._copies = 1

    def add(self, line: bytes) -> None:
        letter, operand = line[:1].decode("iso-8859-1"), line[1:]
        if len(line) > self._limits.max_line_bytes:
            if letter not in _CUTTABLE:
                raise RemoteProtocolError("a line of the control file is too long", status_hint=1)
            operand = operand[: self._limits.max_line_bytes - 1]
        text = decode_text(operand)
        if letter in _TEXT_FIELDS:
            # The first wins: a second P line must not change the name another part has read already.
            self._texts.setdefault(_TEXT_FIELDS[letter], text)
        elif letter == "N":
            self._source(text)
        elif letter == "K":
            self._copies = _copies(text)
        elif "a" <= letter <= "z" and text:
            self._print(letter, text)

    def build(self) -> ControlFile:
        documents = tuple(
            ControlDocument(name, draft.letter, draft.source, max(draft.copies, self._copies))
            for name, draft in self._documents.items()
        )
        return ControlFile(documents=documents, **self._texts)

    def _print(self, letter: str, name: str) -> None:
        draft = self._documents.get(name)
        if draft is not None:
            draft.copies = min(draft.copies + 1, MAX_COPIES)
        elif len(self._documents) >= self._limits.max_data_files:
            raise RemoteProtocolError("the control file names too many files", status_hint=1)
        else:
            draft = self._documents[name] = _Draft(letter, self._early_source)
            self._early_source = ""
        self._last = draft

    def _source(self, text: str) -> None:
        # BSD lpr, rlpr and CUPS write N after the print line it belongs to; some write it before the first.
        if self._last is None:
            self._early_source = text
        else:
            self._last.source = self._last.source or text


def _copies(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or len(text) > 9:
        return 1
    return min(max(int(text), 1), MAX_COPIES)
