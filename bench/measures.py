"""What is measured: each does one thing to one server and returns numbers by the names of its rows."""

import base64
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bench import first_byte
from bench.client import run as run_compiled
from bench.load import Client
from bench.printer import Printer
from bench.requests import KIB, LISTED, POLLED, get_jobs, get_printer_attributes, pdf, print_job
from bench.servers import Cupsd, Server, Spoold, cpu_s
from protocols.ipp.decoder import decode
from protocols.ipp.tags import GroupTag
from protocols.limits import IppLimits

MIB = 1024 * KIB
GIB = 1024 * MIB
LARGE_BYTES = 512 * MIB
RELEASES = 5
# A client that is not done by then never will be.
CLIENT_TIMEOUT_S = 600.0
HELD_TIMEOUT_S = 10.0
# What the client in Python does: large uploads and TLS, of which it is the smallest part.
_NOT_COUNTED = frozenset({"upload_bytes", "tls", "handshakes"})
LISTED_JOBS = 1000
# Lists asked for with nothing new in between, and lists that each follow a new job.
AGAIN, AFTER_CHANGES = 100, 30
# The reader's own bounds are for requests.
_LONG_LISTS = IppLimits(max_attributes=100_000, max_values=200_000)
_SMALL = pdf(10 * KIB)
_MEDIUM = pdf(1 * MIB)


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes:
        lower: whether less is better.
    """

    name: str
    unit: str
    lower: bool = False


@dataclass(frozen=True)
class Measure:
    """Something to measure.

    Attributes:
        rows: what `run` returns numbers for.
        synced: whether it makes a difference how a server keeps what it accepts.
        asked: whether ippeveprinter can be asked it: it falls over when eight clients do (2.4.2).
    """

    rows: tuple[Row, ...]
    run: "Callable[[Server, Printer], dict[str, float]]"
    synced: bool = True
    asked: bool = False


def run_client(server: Server, request: bytes, **fields: Any) -> tuple[dict[str, Any], float]:
    """Run the client process; return its result and the processor seconds the server used meanwhile."""
    before = cpu_s(server)
    if _NOT_COUNTED.isdisjoint(fields):
        seconds, latencies = run_compiled("http", server.port, [request], **({"clients": 1} | fields))
        return {"seconds": seconds, "latencies_s": latencies}, cpu_s(server) - before
    load: dict[str, Any] = {
        "host": "127.0.0.1",
        "port": server.port,
        "request": base64.b64encode(request).decode(),
        "connections": fields.get("clients", 1),
        **{name: fields[name] for name in ("seconds", "upload_bytes", "tls") if name in fields},
    }
    done = subprocess.run(
        [sys.executable, "-m", "bench.load"],
        input=json.dumps(load),
        capture_output=True,
        text=True,
        timeout=CLIENT_TIMEOUT_S,
        check=False,
    )
    result: dict[str, Any] = json.loads(done.stdout) if done.stdout else {"error": done.stderr[-2000:]}
    if "error" in result:
        raise RuntimeError(f"{server.name}: {result['error']}")
    return result, cpu_s(server) - before


def percentile(ordered: list[float], share: float) -> float:
    """Return the value below which this share of the ordered values lies."""
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def _requests(name: str, clients: int, make: Callable[[Server], bytes], **fields: Any) -> Measure:
    """Measure how many equal requests a second a server answers."""
    rate = Row(name, "per second")
    half, late = Row(f"{name}, p50", "ms", lower=True), Row(f"{name}, p99", "ms", lower=True)
    cpu = Row(f"{name}, processor time", "us each", lower=True)

    def run(server: Server, _printer: Printer) -> dict[str, float]:
        queued = _queued(server)
        request = make(server)
        result, used_s = run_client(server, request, clients=clients, warm_up=5, **fields)
        ordered = sorted(result["latencies_s"])
        if "count" in fields:
            _check_held(server, queued + fields["count"] + 5 * clients)
        return {
            rate.name: len(ordered) / result["seconds"],
            half.name: 1000 * percentile(ordered, 0.5),
            late.name: 1000 * percentile(ordered, 0.99),
            cpu.name: 1e6 * used_s / len(ordered),
        }

    jobs = "count" in fields
    return Measure((rate, half, late, cpu), run, synced=jobs, asked=clients == 1 and not jobs)


def _attributes(clients: int, seconds: float, kind: str, *requested: str) -> Measure:
    return _requests(
        f"Get-Printer-Attributes, {kind}, {_clients(clients)}",
        clients,
        lambda server: get_printer_attributes(f"localhost:{server.port}", server.path, *requested),
        seconds=seconds,
    )


def _jobs(size: str, document: bytes, clients: int, count: int) -> Measure:
    return _requests(
        f"Print-Job {size}, held, {_clients(clients)}",
        clients,
        lambda server: print_job(f"localhost:{server.port}", server.path, document),
        count=count,
    )


def _filling_up(count: int) -> Measure:
    """Measure small jobs for as long as it takes a spooler to fill: what a site has by noon."""
    name = f"Print-Job 10 KiB, held, {_clients(8)}, until {count:,} more are held"
    row = Row(name, "per second")

    def run(server: Server, _printer: Printer) -> dict[str, float]:
        queued = _queued(server)
        request = print_job(f"localhost:{server.port}", server.path, _SMALL)
        result, _ = run_client(server, request, clients=8, count=count)
        _check_held(server, queued + count)
        return {name: count / result["seconds"]}

    return Measure((row,), run)


def _clients(count: int) -> str:
    return f"{count} client{'s' if count > 1 else ''}"


def _large_job(*, tls: bool = False) -> Measure:
    name = f"Print-Job 512 MiB, held{', IPPS' if tls else ''}"
    row = Row(name, "MB/s")
    cpu = Row(f"{name}, processor time", "ms", lower=True)

    def run(server: Server, _printer: Printer) -> dict[str, float]:
        # What others have left to be written must not be waited for by this one.
        os.sync()
        further = LARGE_BYTES - len(_SMALL)
        request = print_job(f"localhost:{server.port}", server.path, _SMALL, further_bytes=further)
        result, used_s = run_client(server, request, upload_bytes=further, tls=tls)
        return {row.name: LARGE_BYTES / 1e6 / result["seconds"], cpu.name: 1000 * used_s}

    return Measure((row, cpu), run, synced=not tls)


def _handshakes(seconds: float) -> Measure:
    """Measure full TLS handshakes: two threads of the client, which is as busy with each as the server."""
    return _requests("TLS handshakes, 2 clients", 2, lambda _server: b"", handshakes=True, seconds=seconds)


def _first_byte(size: str, document: bytes, releases: int, *, further_bytes: int = 0) -> Measure:
    row = Row(f"First byte of {size} at the printer after release", "ms", lower=True)

    def run(server: Server, printer: Printer) -> dict[str, float]:
        if isinstance(server, Cupsd):
            found = [
                first_byte.at_cupsd(server, printer, document, further_bytes=further_bytes)
                for _ in range(releases)
            ]
        elif isinstance(server, Spoold):
            portal = first_byte.Portal(server)
            found = [
                first_byte.at_spoold(server, printer, portal, document, further_bytes=further_bytes)
                for _ in range(releases)
            ]
            portal.close()
        else:
            raise TypeError(f"nothing can be released at {server.name}")
        return {row.name: 1000 * percentile(sorted(found), 0.5)}

    return Measure((row,), run, synced=False)


def _job_list(kind: str, *requested: str) -> Measure:
    """Measure how long a list of 1,000 jobs takes, with and without a new job before it."""
    name = f"Get-Jobs, 1,000 jobs, {kind}"
    again, changed = Row(name, "ms", lower=True), Row(f"{name}, after a new job", "ms", lower=True)

    def run(server: Server, _printer: Printer) -> dict[str, float]:
        host = f"localhost:{server.port}"
        more = print_job(host, server.path, _SMALL)
        question = get_jobs(host, server.path, LISTED_JOBS, *requested)
        client = Client("127.0.0.1", server.port)
        for _ in range(LISTED_JOBS - _queued(server)):
            client.ask(more)
        client.ask(question)
        message, _ = decode(client.answer, _LONG_LISTS, lenient=True)
        if len(message.all(GroupTag.JOB)) != LISTED_JOBS:
            raise RuntimeError(f"{server.name} lists {len(message.all(GroupTag.JOB))} jobs")
        quiet = sorted(client.ask(question) for _ in range(AGAIN))
        busy = []
        for _ in range(AFTER_CHANGES):
            client.ask(more)
            busy.append(client.ask(question))
        client.socket.close()
        return {
            again.name: 1000 * percentile(quiet, 0.5),
            changed.name: 1000 * percentile(sorted(busy), 0.5),
        }

    return Measure((again, changed), run, synced=False)


def measures(*, quick: bool) -> list[Measure]:
    """Return all measures in the order they are taken: what leaves work behind comes last."""
    seconds = 0.5 if quick else 1.5
    jobs = 100 if quick else 300
    return [
        _attributes(1, seconds, "all", "all"),
        _attributes(8, seconds, "all", "all"),
        _attributes(1, seconds, "polled", *POLLED),
        _attributes(8, seconds, "polled", *POLLED),
        _handshakes(seconds),
        _first_byte("1 MiB", _MEDIUM, RELEASES),
        _first_byte("1 GiB", _SMALL, 1, further_bytes=GIB - len(_SMALL)),
        _jobs("10 KiB", _SMALL, 1, jobs),
        _jobs("10 KiB", _SMALL, 8, 3 * jobs),
        _large_job(),
        _large_job(tls=True),
        _jobs("1 MiB", _MEDIUM, 1, jobs // 2),
        _jobs("1 MiB", _MEDIUM, 8, jobs),
        _job_list("numbers and addresses"),
        _job_list("as lpstat asks", *LISTED),
        _filling_up(1_000 if quick else 10_000),
    ]


def _queued(server: Server) -> int:
    request = get_printer_attributes(f"localhost:{server.port}", server.path, "queued-job-count")
    client = Client("127.0.0.1", server.port)
    client.ask(request)
    client.socket.close()
    message, _ = decode(client.answer, IppLimits(), lenient=True)
    return message.group(GroupTag.PRINTER).integer("queued-job-count") or 0


def _check_held(server: Server, expected: int) -> None:
    """Make sure that no job which was counted is missing (spoold counts what is there once a second)."""
    deadline = time.monotonic() + HELD_TIMEOUT_S
    while (found := _queued(server)) < expected:
        if time.monotonic() > deadline:
            raise RuntimeError(f"{server.name} holds {found} jobs, not {expected}")
        time.sleep(0.1)
