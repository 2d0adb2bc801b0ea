"""What 10,000 guesses do to a running daemon, and what their timing tells: `python -m bench.guessing`.

First the flood: from 1 and from 200 addresses, at 1 and at 1,000 people, 100 guesses a second over TLS. How
many passwords of one person were compared, how long people waited whose jobs were listed meanwhile, and
when those got in who signed in with their password: somebody who is guessed at, at the usual place, and
somebody at a new place.

A check takes the daemon a quarter of a second of a processor, on purpose. At 1 person, or from 1 address, a
few guesses are checked and the others turned away. From 200 addresses at 1,000 people 4,000 checks would be
allowed (20 of each address; 5 of each person are 5,000), and they would take a quarter of an hour: there all
200 addresses guess at the same time, 65 checks are under way or wait, and what comes beyond is told to come
back later (503). That all that are allowed together stay within the bound is counted, not timed:
tests/spoold/identity/test_guessing.py.

Then the clock: 2,000 failed sign-ins of each kind at spoold's own accounts and at a real slapd
(bench/guess_timing.py).
"""

import argparse
import base64
import http.client
import itertools
import json
import sqlite3
import ssl
import tempfile
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench import guess_timing
from bench.measures import percentile
from tests.integration.daemon import CANARY_PASSWORD, Daemon

GUESSES = 10_000
# A hundred a second are 10,000 in less than two minutes, where the bound is for a quarter of an hour.
RATE = 100.0
# Of one address; where there are many, each has a connection of its own, and all guess at the same time.
CONNECTIONS = 8
MOST_CHECKS = 5
GOOD_P99_S = 0.25
# One good request each twentieth of a second, as from a class that prints; so many before the guesses begin.
PAUSE_S = 0.05
BEFORE = 200
# Somebody signs in with a password every few seconds, and tries again after a second when told to.
SIGN_IN_PAUSE_S = 3.0
RETRY_PAUSE_S = 1.0
# Who is at the usual place gets in as if nothing was; at a new one, within the bound for the checks.
USUAL_S, NEW_S = 5.0, 900.0
HOME = "127.9.9.9"
_CONFIG = """
[printers.out]
uri = "folder:{printed}"

[queues.secure]
printers = ["out"]
"""


def main() -> int:
    """Measure and print; returns the exit status: 1 when a bound does not hold."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.guessing", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--flood", action="store_true", help="only the flood")
    parser.add_argument("--timing", action="store_true", help="only the clock, local and directory")
    parser.add_argument("--guesses", type=int, default=GUESSES, help="of each flood")
    parser.add_argument("--rate", type=float, default=RATE, help="guesses a second")
    parser.add_argument("--samples", type=int, default=guess_timing.SAMPLES, help="of each kind of failure")
    arguments = parser.parse_args()
    good = True
    if not arguments.timing:
        for addresses, people in itertools.product((1, 200), (1, 1_000)):
            good &= _flood(addresses, people, arguments.guesses, arguments.rate)
    if not arguments.flood:
        good &= guess_timing.measure(arguments.samples)
    return 0 if good else 1


# -- the flood


@dataclass
class _Seen:
    """What came back; times in seconds."""

    answers: Counter[int] = field(default_factory=Counter)
    before: list[float] = field(default_factory=list)
    good: list[float] = field(default_factory=list)
    # How long sign-ins took until they succeeded, retries included.
    usual: list[float] = field(default_factory=list)
    new: list[float] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)


def _flood(addresses: int, people: int, guesses: int, rate: float) -> bool:
    with tempfile.TemporaryDirectory(prefix="spoold-guess-") as root, _house(Path(root), people) as daemon:
        context = ssl.create_default_context(cafile=str(daemon.state / "tls" / "certificate.pem"))
        seen = _Seen()
        # user-0 is guessed at in every case, has signed in here before, and prints.
        class_room = _Client(daemon, context, HOME, "user-0")
        require(class_room.ask(), 200)
        for _ in range(BEFORE):
            seen.before.append(_good_request_s(class_room))
            time.sleep(PAUSE_S)
        began, used = time.perf_counter(), daemon.processor_s
        numbers = itertools.count()

        def guess(place: int) -> None:
            client = _Client(daemon, context, f"127.{1 + place // 250}.{place % 250}.7")
            while (one := next(numbers)) < guesses:
                time.sleep(max(0.0, began + one / rate - time.perf_counter()))
                seen.answers[client.ask(f"user-{one % people}", f"guess {one}")] += 1
            client.close()

        # One after the other, not all on one bell: connections are made in the time of the first guesses.
        places = [0] * CONNECTIONS if addresses == 1 else range(addresses)
        guessers = [threading.Thread(target=guess, args=(place,)) for place in places]
        others = [
            threading.Thread(target=_list_jobs, args=(seen, class_room)),
            threading.Thread(target=_sign_in_at_home, args=(seen, daemon, context)),
            threading.Thread(target=_sign_in_elsewhere, args=(seen, daemon, context)),
        ]
        for thread in (*guessers, *others):
            thread.start()
        for thread in guessers:
            thread.join()
        took_s, used_s = time.perf_counter() - began, daemon.processor_s - used
        seen.ended.set()
        for thread in others:
            thread.join()
        checked = _checked(daemon)
    print(f"{guesses:,} guesses, {addresses} addresses, {people:,} people: {took_s:.0f} s", flush=True)
    return _tell(seen, checked, used_s / took_s)


def _tell(seen: _Seen, checked: Counter[str], processors: float) -> bool:
    times = sorted(seen.good)
    p99_s, most = percentile(times, 0.99), max(checked.values(), default=0)
    answers = ", ".join(f"{status}: {count:,}" for status, count in sorted(seen.answers.items()))
    print(
        f"  answers {answers}; passwords compared: {sum(checked.values()):,}, of one person {most}"
        f" (at most {MOST_CHECKS}); processors used: {processors:.2f}\n"
        f"  good requests {len(times):,}: p50 {percentile(times, 0.5) * 1000:.0f} ms,"
        f" p99 {p99_s * 1000:.0f} ms (at most {GOOD_P99_S * 1000:.0f}), longest {times[-1] * 1000:.0f} ms;"
        f" before the guesses p99 {percentile(sorted(seen.before), 0.99) * 1000:.0f} ms",
        flush=True,
    )
    good = most <= MOST_CHECKS and p99_s < GOOD_P99_S
    for place, took, within_s in (("the usual place", seen.usual, USUAL_S), ("a new place", seen.new, NEW_S)):
        took.sort()
        print(
            f"  {len(took)} sign-ins at {place}: p50 {percentile(took, 0.5):.2f} s, longest {took[-1]:.2f} s"
            f" (at most {within_s:.0f})",
            flush=True,
        )
        good &= took[-1] <= within_s
    return good


def _list_jobs(seen: _Seen, client: "_Client") -> None:
    while not seen.ended.is_set():
        seen.good.append(_good_request_s(client))
        seen.ended.wait(PAUSE_S)


def _good_request_s(client: "_Client") -> float:
    began = time.perf_counter()
    require(client.ask(), 200)
    return time.perf_counter() - began


def _sign_in_at_home(seen: _Seen, daemon: Daemon, context: ssl.SSLContext) -> None:
    """Have the password of somebody checked who is guessed at, from where this person always is."""
    while not seen.ended.wait(SIGN_IN_PAUSE_S):
        seen.usual.append(_got_in_s(_Client(daemon, context, HOME, "user-0"), USUAL_S))


def _sign_in_elsewhere(seen: _Seen, daemon: Daemon, context: ssl.SSLContext) -> None:
    """Have a password checked from ever new places."""
    for number in itertools.count():
        if seen.ended.wait(SIGN_IN_PAUSE_S):
            return
        peer = f"127.8.{number // 250}.{1 + number % 250}"
        seen.new.append(_got_in_s(_Client(daemon, context, peer, "new"), NEW_S))


def _got_in_s(client: "_Client", within_s: float) -> float:
    """Return after how many seconds; more than `within_s` when it never was."""
    began = time.perf_counter()
    # To delete a job that is not there takes the password itself, whatever was proven minutes ago.
    while client.ask(fresh=True) != 404 and time.perf_counter() - began <= within_s:
        time.sleep(RETRY_PAUSE_S)
    took_s = time.perf_counter() - began
    client.close()
    return took_s


@contextmanager
def _house(root: Path, people: int) -> Iterator[Daemon]:
    """Run a daemon with so many people, all with one password: hashing a thousand would take minutes."""
    printed = root / "printed"
    printed.mkdir()
    daemon = Daemon(root / "daemon", _CONFIG.format(printed=printed))
    daemon.start()
    try:
        daemon.add_user("user-0")
        daemon.add_user("new")
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

    def __init__(self, daemon: Daemon, context: ssl.SSLContext, address: str, name: str = "") -> None:
        self._connection = http.client.HTTPSConnection(
            "localhost", daemon.ports["web"], context=context, timeout=120, source_address=(address, 0)
        )
        self._name = name

    def ask(self, name: str = "", password: str = CANARY_PASSWORD, *, fresh: bool = False) -> int:
        """Ask for the jobs, or (with `fresh`) to delete one that is not there; returns the status."""
        proof = f"{name or self._name}:{password}".encode()
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


def require(status: int, expected: int) -> None:
    """Stop the bench when somebody good was not served."""
    if status != expected:
        raise SystemExit(f"a good request was answered {status}")


if __name__ == "__main__":
    raise SystemExit(main())
