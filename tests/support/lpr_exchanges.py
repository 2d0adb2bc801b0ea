"""What LPR clients say, byte by byte: recorded (rlpr, CUPS) or written down after their makers' manuals.

Each exchange is what a client sends and what it waits for before it goes on. The answers are RFC 1179's one
zero byte. `replay` speaks it over a plain socket, as blocking clients do.
"""

import socket
from dataclasses import dataclass

YES = b"\0"
ANSWER_TIMEOUT_S = 60.0
UEL = b"\x1b%-12345X"
TEXT = b"A line of text that is printed as it is.\r\n" * 400
PCL = b"\x1bE\x1b&l0O\x1b(8U\x1b(s0p10.00h12.0v0s0b3T" + b"INVOICE 4711\r\n" * 50 + b"\x0c\x1bE"
# One picture as a scanner sends it to "printers" that are folders of a print server.
PDF = (
    b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n"
    b"2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1/MediaBox[0 0 595 842]>>endobj\n"
    b"3 0 obj<</Type/Page/Parent 2 0 R>>endobj\ntrailer<</Root 1 0 R/Size 4>>\nstartxref\n0\n%%EOF\n"
)
# The count that the Windows port monitor announces when it does not count ("LPR byte counting" is off).
WINDOWS_UNCOUNTED = 125_899_906_843_000


@dataclass(frozen=True)
class Held:
    """A job as it must be afterwards.

    Args:
        documents: the bytes that must come out, one after the other.
        title: None when nobody named it.
    """

    user: str
    documents: tuple[bytes, ...]
    formats: tuple[str, ...]
    copies: int = 1
    title: str | None = None


@dataclass(frozen=True)
class Exchange:
    """One connection of a client.

    Args:
        says: pieces in turn; after each the client waits for one zero byte.
        last: said at the end without waiting for an answer, before the client stops sending.
        closes: the client stops sending at the end; else it waits for the server to close.
    """

    client: str
    says: tuple[bytes, ...]
    held: tuple[Held, ...]
    last: bytes = b""
    closes: bool = True


def _control(raw: bytes, name: bytes, *, mark: bytes = b"\0") -> tuple[bytes, bytes]:
    return b"\x02%d %s\n" % (len(raw), name), raw + mark


def _data(raw: bytes, name: bytes, *, count: int | None = None, mark: bytes = b"\0") -> tuple[bytes, bytes]:
    return b"\x03%d %s\n" % (len(raw) if count is None else count, name), raw + mark


_WINDOWS = b"HDESKTOP-7\nPana\nJReport - Notepad\nldfA001DESKTOP-7\nUdfA001DESKTOP-7\nNReport - Notepad\n"
# SNDTCPSPLF adds what DESTOPT says as lines of their own, "XAS/400" for its own kind, and may name a class.
_AS400 = (
    b"HAS400.EXAMPLE.ORG\nPQPGMR\nJINVOICES\nCAS400\nLQPGMR\nIldfA417AS400\nXAS/400\n-Class=ASCII\n"
    b"fdfA417AS400\nUdfA417AS400\nNQPRINT\n"
)
_AS400_COPIES = _AS400.replace(b"fdfA417AS400\n", b"fdfA417AS400\n" * 3)
_DRIVER = (
    UEL + b'@PJL JOB NAME="Minutes"\r\n@PJL SET USERNAME="ana"\r\n@PJL SET QTY=2\r\n@PJL SET HOLD=OFF\r\n'
    b"@PJL ENTER LANGUAGE=PCL\r\n" + PCL + UEL + b"@PJL EOJ\r\n" + UEL
)  # fmt: skip
_MANY = b"".join(
    b"fdf%c009unix\nUdf%c009unix\nNfile-%d.txt\n" % (letter, letter, letter) for letter in b"ABCDE"
)

EXCHANGES = (
    Exchange(
        "windows, byte counting on",
        (b"\x02open\n", *_control(_WINDOWS, b"cfA001DESKTOP-7"), *_data(PDF, b"dfA001DESKTOP-7")),
        (Held("ana", (PDF,), ("application/pdf",), title="Report - Notepad"),),
    ),
    Exchange(
        "windows, byte counting off",
        (
            b"\x02open\n",
            *_control(_WINDOWS, b"cfA001DESKTOP-7"),
            b"\x03%d dfA001DESKTOP-7\n" % WINDOWS_UNCOUNTED,
        ),
        (Held("ana", (PDF,), ("application/pdf",), title="Report - Notepad"),),
        last=PDF,
    ),
    Exchange(
        "windows, a driver's PCL in job commands",
        (b"\x02open\n", *_control(_WINDOWS, b"cfA001DESKTOP-7"), *_data(_DRIVER, b"dfA001DESKTOP-7")),
        (Held("ana", (PCL,), ("application/vnd.hp-PCL",), copies=2, title="Report - Notepad"),),
    ),
    Exchange(
        "a count of zero, as RFC 1179 6.3 has it for an unknown length",
        (b"\x02open\n", *_control(_WINDOWS, b"cfA001DESKTOP-7"), b"\x030 dfA001DESKTOP-7\n"),
        (Held("ana", (PDF,), ("application/pdf",), title="Report - Notepad"),),
        last=PDF,
    ),
    Exchange(
        "an empty file between two others",
        (
            b"\x02open\n",
            *_data(TEXT, b"dfA002pc"),
            *_data(b"", b"dfB002pc"),
            *_data(TEXT, b"dfC002pc"),
            *_control(b"Hpc\nPana\nfdfA002pc\nfdfB002pc\nfdfC002pc\n", b"cfA002pc"),
        ),
        (Held("ana", (TEXT, TEXT), ("text/plain", "text/plain")),),
    ),
    Exchange(
        "AS/400, SNDTCPSPLF of host-transformed PCL",
        (b"\x02open\n", *_control(_AS400, b"cfA417AS400"), *_data(PCL, b"dfA417AS400")),
        (Held("qpgmr", (PCL,), ("application/vnd.hp-PCL",), title="INVOICES"),),
    ),
    Exchange(
        "AS/400, copies as repeated print lines",
        (b"\x02open\n", *_control(_AS400_COPIES, b"cfA417AS400"), *_data(PCL, b"dfA417AS400")),
        (Held("qpgmr", (PCL,), ("application/vnd.hp-PCL",), copies=3, title="INVOICES"),),
    ),
    Exchange(
        "AS/400, DESTOPT(XAIX): both files once for every copy, under one number",
        (
            b"\x02open\n",
            *_control(_AS400, b"cfA417AS400"),
            *_data(PCL, b"dfA417AS400"),
            *_control(_AS400, b"cfA417AS400"),
            *_data(PCL, b"dfA417AS400"),
        ),
        (Held("qpgmr", (PCL,), ("application/vnd.hp-PCL",), title="INVOICES"),) * 2,
    ),
    Exchange(
        "AS/400, a writer that keeps its connection for a row of small files",
        (
            b"\x02open\n",
            *(
                piece
                for number in (1, 2, 3)
                for piece in (
                    *_data(TEXT, b"dfA%03dAS400" % number),
                    *_control(b"HAS400\nPQUSER\nfdfA%03dAS400\n" % number, b"cfA%03dAS400" % number),
                )
            ),
        ),
        (Held("quser", (TEXT,), ("text/plain",)),) * 3,
    ),
    Exchange(
        "a control file with carriage returns, without host, and no user but on the banner",
        (
            b"\x02open\n",
            *_control(b"LAna\rJTwo\rfdfA003x\r", b"cfA003x"),
            *_data(TEXT, b"dfA003x"),
        ),
        (Held("ana", (TEXT,), ("text/plain",), title="Two"),),
    ),
    Exchange(
        "a scanner: data first, no zero bytes behind its files, and it waits for its answers",
        (
            b"\x02open\n",
            *_data(PDF, b"dfA000scanner", mark=b""),
            *_control(b"Hscanner\nPscan\nJscan_0001.pdf\nldfA000scanner\n", b"cfA000scanner", mark=b""),
        ),
        (Held("scan", (PDF,), ("application/pdf",), title="scan_0001.pdf"),),
    ),
    Exchange(
        "an old unix: five files of one job, host cut differently, nothing behind the last but the end",
        (
            b"\x02open\n",
            *_control(b"Hunix.example.org\nPben\n" + _MANY, b"cfA009unix.example.org"),
            *(
                piece
                for letter in b"ABCDE"
                for piece in _data(TEXT, b"df%c009unix.example.org" % letter)
            ),
        ),
        (Held("ben", (TEXT,) * 5, ("text/plain",) * 5, title="file-65.txt"),),
    ),
    Exchange(
        "PLP: a job announced twice, and a zero byte too many at the end",
        (b"\x02open\n", b"\x02open\n", *_data(TEXT, b"dfA589clienthost"),
         *_control(b"D1236370629\nHclienthost\nProot\nN/tmp/temp.manu\nJ/tmp/temp.manu\nCZ\nfdfA589clienthost\n",
                   b"cfZ589clienthost")),
        (Held("root", (TEXT,), ("text/plain",), title="/tmp/temp.manu"),),
        last=b"\0",
    ),
    Exchange(
        "CUPS lpd backend, order=data,control, manual_copies=off with two copies",
        (
            b"\x02open\n",
            *_data(PDF, b"dfA321mac.local"),
            *_control(
                b"Hmac.local\nPana\nJReport\nldfA321mac.local\nldfA321mac.local\nUdfA321mac.local\nNReport\n",
                b"cfA321mac.local",
            ),
        ),
        (Held("ana", (PDF,), ("application/pdf",), copies=2, title="Report"),),
    ),
    Exchange(
        "CUPS lpd backend, mode=stream: a count without meaning, and the end of the connection",
        (
            b"\x02open\n",
            *_control(b"Hmac.local\nPana\nJReport\nldfA322mac.local\nNReport\n", b"cfA322mac.local"),
            b"\x03999999999999 dfA322mac.local\n",
        ),
        (Held("ana", (PDF,), ("application/pdf",), title="Report"),),
        last=PDF,
    ),
)  # fmt: skip


class ExchangeFailedError(Exception):
    """The server did not answer as the client needs it."""


def replay(exchange: Exchange, host: str, port: int, *, source: str = "") -> bytes:
    """Speak an exchange; return what the server says after the last piece, until it closes.

    Args:
        source: the address to come from, of this machine; any when empty.

    Raises:
        ExchangeFailedError: an answer was not "yes", or did not come.
    """
    with socket.create_connection(
        (host, port), timeout=ANSWER_TIMEOUT_S, source_address=(source, 0)
    ) as connection:
        for number, piece in enumerate(exchange.says):
            connection.sendall(piece)
            try:
                answer = connection.recv(1)
            except TimeoutError:
                raise ExchangeFailedError(f"no answer to piece {number}: {piece[:60]!r}") from None
            if answer != YES:
                raise ExchangeFailedError(f"{answer!r} to piece {number}: {piece[:60]!r}")
        if exchange.last:
            connection.sendall(exchange.last)
        if exchange.closes:
            connection.shutdown(socket.SHUT_WR)
        rest = b""
        while piece := connection.recv(4096):
            rest += piece
        return rest
