"""What 10,000 guesses do to a running daemon, and what their timing tells: `python -m bench.guessing`.

First the flood: from 1 and from 200 addresses, at 1 and at 1,000 people, over TLS as fast as it goes; how
many passwords of one person were compared, and how long everybody else waited. Then the clock: 2,000 failed
sign-ins each with a wrong password, an unknown name, a closed account, and locked ones, compared by the
two-sample Kolmogorov-Smirnov test (`--timing` only that, `--flood` only the first, `--samples N` fewer).
"""

import argparse
import base64
import bisect
import http.client
import itertools
import json
import math
import sqlite3
import ssl
import tempfile
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import trio

from bench.measures import percentile
from spoold.model.errors import NotAuthenticated, TooManyAttempts
from tests.integration.daemon import CANARY_PASSWORD, Daemon
from tests.support.identities import PASSWORD, make_identity, open_database

GUESSES = 10_000
SAMPLES = 2_000
CONNECTIONS = 8
# One good request each twentieth of a second, as from a class that prints.
PAUSE_S = 0.05
HOME = "127.9.9.9"
# Faster than the daemon's 12, so that what is not bcrypt would show all the more.
COST = 6
_CONFIG = """
[printers.out]
uri = "folder:{printed}"

[queues.secure]
printers = ["out"]
"""


def main() -> int:
    """Measure and print; returns the exit status: 1 when a bound does not hold."""
    parser = argparse.ArgumentParser(prog="python -m bench.guessing", description=__doc__)
    parser.add_argument("--flood", action="store_true", help="only the flood")
    parser.add_argument("--timing", action="store_true", help="only the clock")
    parser.add_argument("--guesses", type=int, default=GUESSES)
    parser.add_argument("--samples", type=int, default=SAMPLES)
    arguments = parser.parse_args()
    good = True
    if not arguments.timing:
        for addresses, people in itertools.product((1, 200), (1, 1_000)):
            good &= _flood(addresses, people, arguments.guesses)
    if not arguments.flood:
        good &= trio.run(_clock, arguments.samples)
    return 0 if good else 1


# -- the flood


def _flood(addresses: int, people: int, guesses: int) -> bool:
    with tempfile.TemporaryDirectory(prefix="spoold-guess-") as root, _house(Path(root), people) as daemon:
        session = _Client(daemon, HOME, "user-0", CANARY_PASSWORD)
        assert_status(session.ask(), 200)
        answers, times, fresh = Counter[int](), list[float](), list[float]()
        ended = threading.Event()
        numbers = itertools.count()

        def guess(number: int) -> None:
            clients: dict[int, _Client] = {}
            for one in numbers:
                if one >= guesses:
                    break
                place = one % addresses
                if place % CONNECTIONS != number and addresses > 1:
                    place = (place // CONNECTIONS * CONNECTIONS + number) % addresses
                if place not in clients:
                    clients[place] = _Client(daemon, f"127.{1 + place // 250}.{place % 250}.7")
                client = clients[place]
                answers[client.ask(f"user-{one % people}", f"guess {one}")] += 1
            for client in clients.values():
                client.close()

        def print_on() -> None:
            while not ended.is_set():
                began = time.perf_counter()
                assert_status(session.ask(), 200)
                times.append(time.perf_counter() - began)
                ended.wait(PAUSE_S)

        guessers = [threading.Thread(target=guess, args=(number,)) for number in range(CONNECTIONS)]
        somebody = threading.Thread(target=print_on)
        began = time.perf_counter()
        for thread in (*guessers, somebody):
            thread.start()
        for thread in guessers:
            thread.join()
        took_s = time.perf_counter() - began
        ended.set()
        somebody.join()
        signed_in = time.perf_counter()
        assert_status(_Client(daemon, HOME, "user-0", CANARY_PASSWORD).ask(fresh=True), 404)
        fresh.append(time.perf_counter() - signed_in)
        checked = _checked(daemon)
    times.sort()
    p99 = percentile(times, 0.99)
    print(
        f"{guesses:,} guesses, {addresses} addresses, {people:,} people: {took_s:.1f} s, {dict(answers)};"
        f" most compared of one person: {max(checked.values())}, of all: {sum(checked.values())};"
        f" good requests {len(times)}: p50 {percentile(times, 0.5) * 1000:.0f} ms, p99 {p99 * 1000:.0f} ms;"
        f" a full sign-in from the usual place afterwards: {fresh[0] * 1000:.0f} ms",
        flush=True,
    )
    return max(checked.values()) <= 5 and p99 < 0.25


@contextmanager
def _house(root: Path, people: int) -> Iterator[Daemon]:
    """Run a daemon with so many people, all with one password: hashing a thousand would take minutes."""
    printed = root / "printed"
    printed.mkdir()
    daemon = Daemon(root / "daemon", _CONFIG.format(printed=printed))
    daemon.start()
    try:
        daemon.add_user("user-0")
        daemon.stop()
        with closing(sqlite3.connect(daemon.state / "spoold.db")) as records, records:
            for number in range(1, people):
                records.execute(
                    "INSERT INTO users (id, name, display_name, password_hash, groups, role, disabled, epoch,"
                    " created_us) SELECT ?, ?, '', password_hash, groups, role, 0, 0, created_us FROM users"
                    " WHERE name = 'user-0'",
                    (uuid.uuid4().hex, f"user-{number}"),
                )
        daemon.start()
        yield daemon
    finally:
        daemon.stop()


class _Client:
    """One connection from one of this machine's addresses."""

    def __init__(self, daemon: Daemon, address: str, name: str = "", password: str = "") -> None:
        context = ssl.create_default_context(cafile=str(daemon.state / "tls" / "certificate.pem"))
        self._connection = http.client.HTTPSConnection(
            "localhost", daemon.ports["web"], context=context, timeout=120, source_address=(address, 0)
        )
        self._name, self._password = name, password

    def ask(self, name: str = "", password: str = "", *, fresh: bool = False) -> int:
        """Ask for the jobs, or (with `fresh`) to delete one that is not there; returns the status."""
        proof = f"{name or self._name}:{password or self._password}".encode()
        headers = {"Authorization": f"Basic {base64.b64encode(proof).decode()}"}
        method, path = ("DELETE", f"/api/v1/jobs/{uuid.uuid4()}") if fresh else ("GET", "/api/v1/jobs")
        for _ in range(3):
            try:
                self._connection.request(method, path, headers=headers)
                answer = self._connection.getresponse()
                answer.read()
            except (http.client.HTTPException, OSError):
                # Idle for too long: the daemon has hung up meanwhile.
                self._connection.close()
            else:
                return answer.status
        return 0

    def close(self) -> None:
        """Hang up."""
        self._connection.close()


def _checked(daemon: Daemon) -> Counter[str]:
    """Return how often a password of each person was compared and found wrong, by the records."""
    with closing(sqlite3.connect(f"file:{daemon.state / 'spoold.db'}?mode=ro", uri=True)) as records:
        entries = [json.loads(text) for (text,) in records.execute("SELECT entry FROM audit")]
    return Counter(entry["user"] for entry in entries if entry["kind"] == "sign-in-failed")


def assert_status(status: int, expected: int) -> None:
    """Stop the bench when somebody good was not served."""
    if status != expected:
        raise SystemExit(f"a good request was answered {status}")


# -- the clock


async def _clock(samples: int) -> bool:
    """Measure failed sign-ins of each kind in turn, and compare the kinds."""
    kinds: Mapping[str, str] = {
        "wrong password": "known",
        "unknown name": "unknown",
        "closed account": "closed",
        "locked, known": "locked",
        "locked, unknown": "nobody",
    }
    took: dict[str, list[float]] = {kind: [] for kind in kinds}
    with (
        tempfile.TemporaryDirectory(prefix="spoold-clock-") as root,
        open_database(Path(root, "spoold.db")) as database,
    ):
        kit = make_identity(database, cost=COST)
        for name in ("known", "closed", "locked"):
            await kit.identity.add_user(name, PASSWORD)
        await kit.identity.disable_user("closed")
        for number in range(samples):
            # Far enough apart that nobody is slowed but those who are to be.
            kit.clock.advance(4_000)
            for kind, name in kinds.items():
                peer = f"198.{18 + number % 2}.{number // 2 % 250}.{1 + number % 200}"
                if kind.startswith("locked"):
                    for wrong in range(6):
                        await _refused(kit.identity, name, f"lock {number} {wrong}", f"10.9.{wrong}.1")
                began = time.perf_counter()
                await _refused(kit.identity, name, f"wrong {number}", peer)
                took[kind].append(time.perf_counter() - began)
    same = [("wrong password", "unknown name"), ("wrong password", "closed account")]
    same.append(("locked, known", "locked, unknown"))
    critical = 1.358 * math.sqrt(2 / samples)
    good = True
    for one, other in same:
        distance = _distance(took[one], took[other])
        good &= distance < critical
        middle, beside = (percentile(sorted(took[kind]), 0.5) * 1000 for kind in (one, other))
        print(
            f"{one} / {other}: KS {distance:.3f} (5 % critical value {critical:.3f}, {samples} samples each);"
            f" medians {middle:.2f} / {beside:.2f} ms",
            flush=True,
        )
    return good


async def _refused(identity: object, name: str, password: str, peer: str) -> None:
    try:
        await identity.authenticate(name, password, peer=peer, fresh=True)  # type: ignore[attr-defined]
    except (NotAuthenticated, TooManyAttempts):
        return
    raise SystemExit("a wrong password was accepted")


def _distance(ones: Sequence[float], others: Sequence[float]) -> float:
    """Return the largest distance between two empirical distributions (two-sample Kolmogorov-Smirnov)."""
    first, second = sorted(ones), sorted(others)
    return max(
        abs(bisect.bisect_right(first, at) / len(first) - bisect.bisect_right(second, at) / len(second))
        for at in (*first, *second)
    )


if __name__ == "__main__":
    raise SystemExit(main())
