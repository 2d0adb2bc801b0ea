"""Fuzzes the HTTP parser: one reading or a refusal, never another exception, never slow.

python -m tests.fuzz.fuzz_http --executions 1000000

Every input is read whole and cut at uneven places, which must give the same; what is accepted must not be
read otherwise by llhttp alone, nor (every eighth input) by h11.
"""

import argparse
import gc
import random
import resource
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import islice

import h11
import httptools

from protocols.errors import RemoteProtocolError
from protocols.http.events import RequestHead
from protocols.limits import KIB, MIB, HttpLimits
from tests.fuzz.mutator import Mutator
from tests.support.http_reading import Reading, read

MAX_MS_PER_MIB = 50.0
REPEATS = 5
MAX_INPUT_BYTES = 64 * KIB
# Small limits are run into by mutations; every other input meets them.
LIMITS = (
    HttpLimits(),
    replace(HttpLimits(), max_head_bytes=400, max_fields=8, max_target_bytes=60, max_body_bytes=2_000),
)
STATUSES = frozenset({400, 413, 414, 431, 501})
H11_EVERY = 8

_CUPS = (
    b"POST /ipp/print/secure HTTP/1.1\r\nContent-Length: 5\r\nContent-Type: application/ipp\r\n"
    b"Date: Sun, 22 Nov 2026 10:00:00 GMT\r\nHost: localhost:631\r\n"
    b"User-Agent: CUPS/2.4.2 (Linux 6.1; x86_64) IPP/2.0\r\nExpect: 100-continue\r\n\r\nhello"
)
_CHUNKED = (
    b"POST / HTTP/1.1\r\nHost: [::1]\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"5\r\nhello\r\n1a\r\nabcdefghijklmnopqrstuvwxyz\r\n0\r\n\r\n"
)
_GET = (
    b"GET /.well-known/a%20b?x=y&z HTTP/1.1\r\nHost: print.example.org\r\nAccept: */*\r\nAccept: a/b\r\n\r\n"
)
_OLD = b"HEAD http://localhost/ HTTP/1.0\r\nHost: localhost\r\nConnection: close\r\n\r\n"
CORPUS = (
    _CUPS,
    _CHUNKED,
    _GET,
    _CUPS + _CHUNKED + _GET + _OLD,
    b"OPTIONS * HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n" + _GET,
    _CHUNKED[:-5] + b"1\r\nx\r\n" * 200 + b"0\r\n\r\n" + _GET,
    b"PUT /" + b"a" * 50 + b" HTTP/1.1\r\nHost: a\r\n" + b"X-Field: value\r\n" * 6 + b"\r\n",
    b"OPTIONS * HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: TLS/1.2,TLS/1.1\r\n\r\n" + _GET,
    b"",
)
TOKENS = (
    b"\r\n", b"\n", b"\r", b" ", b"\t", b"\0", b":", b";", b"%2f", b"/../", b"//", b"0\r\n\r\n", b"\r\n\r\n",
    b"Content-Length: 5\r\n", b"Content-Length: 0\r\n", b"Transfer-Encoding: chunked\r\n", b"Host: evil\r\n",
    b"Transfer-Encoding: identity\r\n", b"Expect: 100-continue\r\n", b"Upgrade: h2c\r\n", b"Trailer: X\r\n",
    b"Connection: close\r\n", b"Connection: Upgrade\r\n", b"Upgrade: TLS/1.2\r\n", b"HTTP/1.0", b"HTTP/2.0",
    b"GET ", b"CONNECT ",
    b"5\r\nhello\r\n", b"fffffffffffffff\r\n", b"+5", b"0x5", b", 5", b";a=b", b"\x0b", b"\x80", b"http://a",
)  # fmt: skip

Triple = tuple[str, str, bytes]


@dataclass
class FuzzReport:
    """What a run found.

    Attributes:
        executions: inputs tried.
        requests: requests read completely.
        compared: requests that another parser read too, the same way.
        refusals: how often each status was the answer.
        slowest_ms: the most processor time that reading one input once took.
        slowest_ms_per_mib: the same, per MiB of input begun.
        escapes: exceptions other than the protocol error, and broken promises, with the input's index.
        max_rss_mib: the process's largest resident size.
        elapsed_s: the whole run.
    """

    executions: int = 0
    requests: int = 0
    compared: int = 0
    refusals: Counter[int] = field(default_factory=Counter)
    slowest_ms: float = 0.0
    slowest_ms_per_mib: float = 0.0
    escapes: list[str] = field(default_factory=list)
    max_rss_mib: float = 0.0
    elapsed_s: float = 0.0

    @property
    def passed(self) -> bool:
        """Whether nothing escaped and nothing was too slow."""
        return not self.escapes and self.slowest_ms_per_mib <= MAX_MS_PER_MIB


class _Llhttp:
    """What llhttp reads on its own, with nothing strict in front of it."""

    def __init__(self) -> None:
        self.requests: list[Triple] = []
        self._target = b""
        self._body = b""
        self._parser = httptools.HttpRequestParser(self)

    def feed(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            return

    def on_message_begin(self) -> None:
        self._target = self._body = b""

    def on_url(self, url: bytes) -> None:
        self._target += url

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        method = self._parser.get_method().decode("latin-1")
        self.requests.append((method, self._target.decode("latin-1"), self._body))


def _read_by_h11(data: bytes) -> list[Triple]:
    """Return what h11 reads before it refuses or waits."""
    requests: list[Triple] = []
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=MAX_INPUT_BYTES)
    connection.receive_data(data)
    head, body = ("", ""), b""
    try:
        while True:
            event = connection.next_event()
            if isinstance(event, h11.Request):
                head, body = (event.method.decode("latin-1"), event.target.decode("latin-1")), b""
            elif isinstance(event, h11.Data):
                body += event.data
            elif isinstance(event, h11.EndOfMessage):
                requests.append((*head, body))
                connection.send(h11.Response(status_code=200, headers=[("Content-Length", "0")]))
                connection.send(h11.EndOfMessage())
                if connection.our_state is not h11.DONE:
                    return requests
                connection.start_next_cycle()
            else:
                return requests
    except h11.ProtocolError:
        return requests


def _compare(ours: Reading, theirs: list[Triple], name: str) -> int:
    """Hold our reading against another parser's; return how many requests both read."""
    mine = [(head.method, head.target, body) for head, body in ours.requests]
    both = min(len(mine), len(theirs))
    if mine[:both] != theirs[:both]:
        raise ValueError(f"{name} reads {theirs[:both]!r}, we {mine[:both]!r}")
    if ours.pending is not None and len(theirs) > len(mine):
        raise ValueError(f"{name} has read the whole of a request whose body we still wait for")
    return both


def _check_head(head: RequestHead, body: bytes, limits: HttpLimits) -> None:
    """Hold an accepted request to what everything behind the parser relies on."""
    if head.path != "*" and (
        not head.path.startswith("/")
        or not head.path.isprintable()
        or any(part in (".", "..") for part in head.path.split("/"))
        or any(mark in head.path for mark in ("//", "\\", ";", "%"))
    ):
        raise ValueError(f"the path {head.path!r} was accepted")
    if not head.host or head.host != head.host.lower() or not head.host.isascii():
        raise ValueError(f"the host {head.host!r} was accepted")
    for name, value in head.headers.items():
        if name != name.lower() or not name.isascii() or any(mark in value for mark in "\r\n\0"):
            raise ValueError(f"the field {name!r} was accepted")
    if head.content_length is not None and head.content_length != len(body):
        raise ValueError(f"{len(body)} bytes of a body of {head.content_length}")
    if len(body) > limits.max_body_bytes or len(head.target) > limits.max_target_bytes:
        raise ValueError("a limit was passed")
    if len(head.headers) > limits.max_fields:
        raise ValueError("more fields than allowed")


def _pieces(data: bytes, rng: random.Random) -> list[bytes]:
    pieces = []
    at = 0
    while at < len(data):
        size = rng.choice((1, 1, 2, 3, 7, 50, 1000))
        pieces.append(data[at : at + size])
        at += size
    return pieces


def _timed(pieces: list[bytes], limits: HttpLimits, size: int, report: FuzzReport) -> Reading:
    reading, elapsed_ms = _once(pieces, limits)
    if elapsed_ms > MAX_MS_PER_MIB:
        # What was slow once is slow each time, or it was the machine.
        elapsed_ms = min(elapsed_ms, *(_once(pieces, limits)[1] for _ in range(REPEATS)))
    report.slowest_ms = max(report.slowest_ms, elapsed_ms)
    report.slowest_ms_per_mib = max(report.slowest_ms_per_mib, elapsed_ms / max(1, -(-size // MIB)))
    return reading


def _once(pieces: list[bytes], limits: HttpLimits) -> tuple[Reading, float]:
    began = time.process_time()
    reading = read(pieces, limits)
    return reading, (time.process_time() - began) * 1000


def execute(
    data: bytes, limits: HttpLimits, rng: random.Random, report: FuzzReport, *, ask_h11: bool
) -> None:
    """Run one input all ways; raises whatever must not happen."""
    whole = _timed([data] if data else [], limits, len(data), report)
    cut = _timed(_pieces(data, rng), limits, len(data), report)
    if whole.requests != cut.requests or (whole.refusal is None) != (cut.refusal is None):
        raise ValueError("cut differently, read differently")
    if whole.pending != cut.pending:
        raise ValueError("cut differently, waiting for something else")
    for reading in (whole, cut):
        if reading.refusal is not None:
            if type(reading.refusal) is not RemoteProtocolError or reading.status not in STATUSES:
                raise ValueError(f"refused by {reading.refusal!r}, {reading.status}")
            str(reading.refusal).encode("ascii")  # fit to be sent back
    for head, body in whole.requests:
        _check_head(head, body, limits)
    if whole.requests or whole.pending is not None:
        other = _Llhttp()
        other.feed(data)
        report.compared += _compare(whole, other.requests, "llhttp")
        if ask_h11:
            report.compared += _compare(whole, _read_by_h11(data), "h11")
    report.requests += len(whole.requests)
    if whole.status is not None:
        report.refusals[whole.status] += 1


def run(executions: int, seed: int) -> FuzzReport:
    """Try `executions` inputs."""
    report = FuzzReport()
    rng = random.Random(seed)
    began = time.monotonic()
    # What the host process holds must not be walked by the collector on the parser's account.
    gc.collect()
    gc.freeze()
    inputs = islice(Mutator(seed, CORPUS, tokens=TOKENS, max_bytes=MAX_INPUT_BYTES).mutations(), executions)
    for index, data in enumerate(inputs):
        try:
            execute(data, LIMITS[index % 2], rng, report, ask_h11=index % H11_EVERY < 2)
        except Exception as error:  # noqa: BLE001 - finding these is the purpose
            report.escapes.append(f"{seed}/{index}: {error!r} from {data[:300]!r}")
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
    refusals = ", ".join(f"{status}: {count}" for status, count in sorted(report.refusals.items()))
    print(
        f"{report.executions} executions in {report.elapsed_s:.0f} s, {report.requests} requests read, "
        f"{report.compared} compared, refusals {refusals}; slowest {report.slowest_ms:.1f} ms, "
        f"{report.slowest_ms_per_mib:.1f} ms per MiB, {report.max_rss_mib:.0f} MiB, "
        f"{len(report.escapes)} escapes"
    )
    for escape in report.escapes[:20]:
        print(escape)
    return 0 if report.passed else 1


if __name__ == "__main__":
    sys.exit(main())
