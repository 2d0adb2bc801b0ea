"""Fuzzes the IPP codec in both directions: nothing escapes but the protocol error, nothing is slow.

python -m tests.fuzz.fuzz_ipp --executions 1000000
"""

import argparse
import contextlib
import gc
import resource
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import islice

from protocols.errors import RemoteProtocolError
from protocols.ipp.decoder import Decoder, decode
from protocols.ipp.encoder import encode
from protocols.ipp.message import Group, Message
from protocols.ipp.operations import Operation
from protocols.ipp.status import Status
from protocols.ipp.tags import GroupTag, ValueTag
from protocols.ipp.values import (
    Attribute,
    DateTime,
    LanguageString,
    Resolution,
    Value,
    boolean,
    charset,
    collection,
    date_time,
    enum,
    integer,
    keyword,
    mime,
    name_,
    natural_language,
    no_value,
    octets,
    range_,
    resolution,
    text,
    unknown,
    unsupported,
    uri,
    uri_scheme,
)
from protocols.limits import MIB, IppLimits
from tests.fuzz.mutator import Mutator

LIMITS = IppLimits()
# One input of up to 1 MiB; a longer one may take its share more.
MAX_MS_PER_MIB = 50.0
# A new slowest input is read again: a single time on a shared machine may be somebody else's.
REPEATS = 3
# A quarter of the inputs also goes through the incremental decoder, in uneven pieces.
PIECES_EVERY = 4


@dataclass
class FuzzReport:
    """What a run found.

    Attributes:
        executions: inputs tried.
        accepted: inputs that were messages.
        slowest_ms: the most processor time that reading one input took, the best of a few readings.
        slowest_ms_per_mib: the same, per MiB of input begun.
        escapes: exceptions other than the protocol error, and broken promises, with the input's index.
        max_rss_mib: the process's largest resident size.
        elapsed_s: the whole run.
    """

    executions: int = 0
    accepted: int = 0
    slowest_ms: float = 0.0
    slowest_ms_per_mib: float = 0.0
    escapes: list[str] = field(default_factory=list)
    max_rss_mib: float = 0.0
    elapsed_s: float = 0.0

    @property
    def passed(self) -> bool:
        """Whether nothing escaped and nothing was too slow."""
        return not self.escapes and self.slowest_ms_per_mib <= MAX_MS_PER_MIB


def _operation(*attributes: Attribute) -> Group:
    start = (charset("attributes-charset", "utf-8"), natural_language("attributes-natural-language", "en-us"))
    return Group(GroupTag.OPERATION, (*start, *attributes))


def _media(width: int, height: int) -> list[Attribute]:
    size = [integer("x-dimension", width), integer("y-dimension", height)]
    return [
        collection("media-size", size),
        keyword("media-source", "tray-1"),
        integer("media-top-margin", 423),
    ]


def _messages() -> list[Message]:
    target = uri("printer-uri", "ipps://print.example.org:631/ipp/print/secure")
    user = name_("requesting-user-name", "alice")
    job = Group(
        GroupTag.JOB,
        (
            integer("copies", 3),
            keyword("sides", "two-sided-long-edge"),
            collection("media-col", _media(21000, 29700)),
            resolution("printer-resolution", Resolution(600, 600)),
            range_("page-ranges", (1, 4), (7, 9)),
            enum("finishings", 3, 4),
        ),
    )
    every = Group(
        GroupTag.PRINTER,
        (
            boolean("printer-is-accepting-jobs", True),
            uri_scheme("reference-uri-schemes-supported", "ipp", "ipps"),
            text("printer-info", "Flur", LanguageString("fr", "couloir")),
            name_("printer-name", LanguageString("de", "Drucker")),
            date_time("printer-current-time", DateTime(2026, 11, 22, 13, 44, 59, 9, "+", 1, 0)),
            octets("job-password", b"1234\x00\xff"),
            no_value("printer-config-change-date-time"),
            unknown("printer-state-message"),
            unsupported("printer-alert"),
            Attribute(
                "media-supported", (Value(ValueTag.KEYWORD, "a"), Value(ValueTag.NAME_WITHOUT_LANGUAGE, "b"))
            ),
            Attribute("vendor", (Value(0x5F, b"\x01\x02"), Value(ValueTag.EXTENSION, b"\x40\x00\x00\x01x"))),
            collection("media-col-database", *[_media(width, 29700) for width in range(10_000, 10_020)]),
        ),
    )
    return [
        Message(
            (2, 0),
            Operation.GET_PRINTER_ATTRIBUTES,
            1,
            (_operation(target, keyword("requested-attributes", "all")),),
        ),
        Message(
            (1, 1),
            Operation.PRINT_JOB,
            2,
            (_operation(target, user, mime("document-format", "application/pdf")), job),
        ),
        Message(
            (2, 0),
            Operation.SEND_DOCUMENT,
            3,
            (_operation(integer("job-id", 7), boolean("last-document", True)),),
        ),
        Message((2, 0), Status.SUCCESSFUL_OK, 4, (_operation(), every)),
        Message(
            (2, 0),
            Status.SUCCESSFUL_OK,
            5,
            (_operation(), *[Group(GroupTag.JOB, (integer("job-id", 1),))] * 20),
        ),
        Message((2, 0), Status.CLIENT_ERROR_BAD_REQUEST, 6, (_operation(), Group(GroupTag.UNSUPPORTED))),
    ]


def corpus() -> list[bytes]:
    """Return the inputs that mutations start from: requests and answers, with and without a document."""
    encoded = [encode(message) for message in _messages()]
    bombs = [
        encoded[0][:-1] + b"\x44\x00\x01z\x00\x00" + b"\x44\x00\x00\x00\x00" * 2_000,
        encoded[0][:-1] + b"\x34\x00\x01z\x00\x00" + b"\x4a\x00\x00\x00\x01m\x34\x00\x00\x00\x00" * 50,
    ]
    return [*encoded, encoded[1] + b"%PDF-1.7\n", *bombs, b"", encoded[0][:8]]


TOKENS = (
    *(bytes((tag,)) for tag in GroupTag),
    *(bytes((tag, 0, 0, 0, 0)) for tag in ValueTag),
    *(bytes((tag, 0, 1, 0x61, 0, 4, 0, 0, 0, 1)) for tag in ValueTag),
    b"\x34\x00\x00\x00\x00\x4a\x00\x00\x00\x01m",
    b"\x00\x02en\x00\x02hi",
    b"\xff\xff",
)


def _strict(data: bytes) -> tuple[Message, bytes]:
    """Read as a request."""
    message, consumed = decode(data, LIMITS)
    return message, data[consumed:]


def _lenient(data: bytes) -> tuple[Message, bytes]:
    """Read as a printer's answer."""
    message, consumed = decode(data, LIMITS, lenient=True)
    return message, data[consumed:]


def _in_pieces(data: bytes) -> tuple[Message, bytes]:
    """Read as a request that arrives in uneven pieces."""
    decoder = Decoder(LIMITS)
    size = 1 + len(data) % 97
    for start in range(0, len(data), size):
        decoder.receive_data(data[start : start + size])
    decoder.receive_eof()
    if decoder.message is None:
        raise ValueError("neither a message nor an error")
    return decoder.message, decoder.take_remainder()


Reader = Callable[[bytes], tuple[Message, bytes]]


def _check(reader: Reader, data: bytes, message: Message, remainder: bytes) -> None:
    """Hold the codec to its promises about a message it has accepted."""
    if reader is _in_pieces and (message, remainder) != _strict(data):
        raise ValueError("pieces give another message")
    if not data.endswith(remainder) or len(remainder) >= len(data):
        raise ValueError("the remainder is not the rest of the input")
    encoded = encode(message)
    if reader is _strict and decode(encoded, LIMITS) != (message, len(encoded)):
        raise ValueError("a round trip changes the message")
    repr(message).encode("utf-8")  # fit for logs: no surrogates


def _time_ms(reader: Reader, data: bytes) -> float:
    began = time.process_time()
    with contextlib.suppress(Exception):
        reader(data)
    return (time.process_time() - began) * 1000


def _try(reader: Reader, data: bytes, report: FuzzReport) -> str | None:
    """Read and check one input; return what went wrong."""
    began = time.process_time()
    outcome: tuple[Message, bytes] | None = None
    problem = None
    try:
        outcome = reader(data)
    except RemoteProtocolError as error:
        if not 0x0400 <= error.status_hint < 0x0600:
            problem = f"status {error.status_hint}"
    except Exception as error:  # noqa: BLE001 - finding these is the purpose
        problem = repr(error)
    elapsed_ms = (time.process_time() - began) * 1000
    share = elapsed_ms / max(1, -(-len(data) // MIB))
    if share > report.slowest_ms_per_mib or elapsed_ms > report.slowest_ms:
        elapsed_ms = min(elapsed_ms, *(_time_ms(reader, data) for _ in range(REPEATS)))
        report.slowest_ms = max(report.slowest_ms, elapsed_ms)
        report.slowest_ms_per_mib = max(report.slowest_ms_per_mib, elapsed_ms / max(1, -(-len(data) // MIB)))
    if outcome is not None:
        report.accepted += reader is _strict
        try:
            _check(reader, data, *outcome)
        except Exception as error:  # noqa: BLE001 - as above
            problem = repr(error)
    return problem


def run(executions: int, seed: int) -> FuzzReport:
    """Try `executions` inputs, each read strictly and leniently, every fourth also in pieces."""
    report = FuzzReport()
    began = time.monotonic()
    # What the host process holds must not be walked by the collector on the codec's account.
    gc.collect()
    gc.freeze()
    inputs = islice(Mutator(seed, corpus(), tokens=TOKENS, max_bytes=MIB).mutations(), executions)
    for index, data in enumerate(inputs):
        readers = (_strict, _lenient, _in_pieces) if index % PIECES_EVERY == 0 else (_strict, _lenient)
        for reader in readers:
            problem = _try(reader, data, report)
            if problem is not None:
                report.escapes.append(f"{seed}/{index} {reader.__name__}: {problem}")
        report.executions += 1
    gc.unfreeze()
    report.elapsed_s = time.monotonic() - began
    report.max_rss_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return report


def main(arguments: Sequence[str] | None = None) -> int:
    """Run from the command line; the exit status is 0 if nothing was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--executions", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    report = run(options.executions, options.seed)
    print(
        f"{report.executions} executions in {report.elapsed_s:.0f} s, {report.accepted} accepted, "
        f"slowest {report.slowest_ms:.1f} ms, {report.slowest_ms_per_mib:.1f} ms per MiB, "
        f"{report.max_rss_mib:.0f} MiB, {len(report.escapes)} escapes"
    )
    for escape in report.escapes[:20]:
        print(escape)
    return 0 if report.passed else 1


if __name__ == "__main__":
    sys.exit(main())
