"""What the time of failed sign-ins tells: their kinds, by the two-sample Kolmogorov-Smirnov test.

In one process, on the real database, with the clock of the throttle moved by hand, so that nobody is locked
but those who are to be. Each kind has its turn within each round, in an order of chance and then in its
opposite: what else the machine does meanwhile meets all alike. bcrypt runs at its lowest cost, so that what
is not bcrypt shows all the more.

Of equal kinds, one comparison in twenty lies above the 5 % critical value. One that does is measured once
more, with samples of its own: above it twice is a difference.
"""

import bisect
import itertools
import math
import random
import tempfile
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import trio

from bench.measures import percentile
from spoold.identity.ldap import LdapServer
from spoold.model.errors import NotAuthenticated, SpoolError, TooManyAttempts
from tests.support.authority import Authority
from tests.support.directories import make_directory
from tests.support.identities import CHEAP, PASSWORD, IdentityKit, make_identity, open_database
from tests.support.slapd import Slapd, lab_entries, person, running

SAMPLES = 2_000
# Further apart than failures count for a person, nearer than a row of failures is forgotten: whoever was
# locked is locked again by one more failure.
APART_S = 1_000.0
# People who are not to be locked take turns: a row of failures is forgotten after an hour.
TURNS = 5
# At a directory a failure takes half a second, whatever the reason: so many at a time.
DIRECTORY_SLOTS = 25
_GRID_S = 0.5

WRONG, UNKNOWN, CLOSED, KEPT = "wrong password", "unknown name", "closed account", "not passed on"
LOCKED, NOBODY = "locked, known", "locked, unknown"
FIRST_LOCKED, FIRST_NOBODY = "just locked, known", "just locked, unknown"
LOCAL = "local among directories"
_PAIRS = (
    (WRONG, UNKNOWN),
    (WRONG, CLOSED),
    (WRONG, KEPT),
    (WRONG, LOCAL),
    (FIRST_LOCKED, FIRST_NOBODY),
    (LOCKED, NOBODY),
)


def measure(samples: int) -> bool:
    """Measure at spoold's own accounts and at a directory, and print; tells whether no kind differs.

    Args:
        samples: of each kind.
    """
    good = True
    for title, house in (("own accounts", _own_accounts), ("a directory", _a_directory)):
        took = trio.run(_sampled, house, samples)
        differing = _compared(title, took, _PAIRS)
        if differing:
            print(f"{title}: measured once more", flush=True)
            good &= not _compared(title, trio.run(_sampled, house, samples), differing)
    return good


# -- who is tried


@dataclass
class _House:
    """An identity, and the people of one slot: names by the kind of failure they are for."""

    kit: IdentityKit
    slots: int
    kinds: Sequence[tuple[str, str]]
    peers: Iterator[str] = field(
        # Each in another network than the last.
        default_factory=lambda: (f"10.{n & 255}.{n >> 8 & 255}.{n >> 16 & 255}" for n in itertools.count())
    )


@asynccontextmanager
async def _own_accounts(kit: IdentityKit, _folder: Path) -> AsyncIterator[_House]:
    """Spoold's own accounts, one sign-in at a time."""
    for turn in range(TURNS):
        await kit.identity.add_user(f"known-0-{turn}", PASSWORD)
        await kit.identity.add_user(f"closed-0-{turn}", PASSWORD)
        await kit.identity.disable_user(f"closed-0-{turn}")
    await kit.identity.add_user("locked-0", PASSWORD)
    yield _House(kit, 1, ((WRONG, "known"), (UNKNOWN, "unknown"), (CLOSED, "closed")))


@asynccontextmanager
async def _a_directory(kit: IdentityKit, folder: Path) -> AsyncIterator[_House]:
    """People of a real slapd, behind spoold's own; many sign-ins at a time."""
    entries = lab_entries()
    for slot, turn in itertools.product(range(DIRECTORY_SLOTS), range(TURNS)):
        entries.append(person(f"known-{slot}-{turn}", PASSWORD))
        entries.append(person(f"closed-{slot}-{turn}", PASSWORD, pwdAccountLockedTime="000001010000Z"))
        await kit.identity.add_user(f"local-{slot}-{turn}", PASSWORD)
    entries += [person(f"locked-{slot}", PASSWORD) for slot in range(DIRECTORY_SLOTS)]
    authority = Authority(folder / "authority")
    place = folder / "slapd"
    with running(Slapd(place, authority.certificate, authority.issue("localhost"), entries)) as slapd:
        server = LdapServer("localhost", slapd.ports["ldap"], implicit_tls=False)
        # One wrong password in half an hour goes to the directory; it is not asked about the second.
        directory = make_directory(kit.database, authority.certificate, [server], clock=kit.clock, failures=1)
        kit.identity.providers.order = (kit.users, directory)
        kinds = (
            (WRONG, "known"),
            (KEPT, "known"),
            (UNKNOWN, "unknown"),
            (CLOSED, "closed"),
            (LOCAL, "local"),
        )
        yield _House(kit, DIRECTORY_SLOTS, kinds)


# -- samples


_Took = dict[str, list[float]]


async def _sampled(
    house: Callable[[IdentityKit, Path], AbstractAsyncContextManager[_House]], samples: int
) -> _Took:
    """Return how many seconds failures of each kind took."""
    took: _Took = defaultdict(list)
    with (
        tempfile.TemporaryDirectory(prefix="spoold-clock-") as folder,
        open_database(Path(folder, "spoold.db")) as database,
    ):
        async with house(make_identity(database, cost=CHEAP), Path(folder)) as made:
            async with trio.open_nursery() as nursery:
                for slot in range(made.slots):
                    nursery.start_soon(_lock, made, f"locked-{slot}")
                    nursery.start_soon(_lock, made, f"nobody-{slot}")
            for number in range(math.ceil(samples / made.slots)):
                made.kit.clock.advance(APART_S)
                async with trio.open_nursery() as nursery:
                    for slot in range(made.slots):
                        nursery.start_soon(_round, made, took, number, slot)
    return took


async def _lock(house: _House, name: str) -> None:
    """Begin the row of failures that the rounds go on with."""
    for number in range(5):
        await _refused(house, name, f"first {number}")


async def _round(house: _House, took: _Took, number: int, slot: int) -> None:
    """Let each kind of failure happen once."""
    if house.slots > 1:
        await trio.sleep(random.random() * _GRID_S)
    order = random.Random(f"{slot} {number // 2}")
    kinds = [(kind, f"{name}-{slot}-{number % TURNS}") for kind, name in house.kinds]
    _shuffle(kinds, order, back=bool(number % 2))
    # Whoever is tried twice is not passed on the second time.
    kept = [place for place, (kind, _) in enumerate(kinds) if kind in {WRONG, KEPT}]
    for place, kind in zip(kept, (WRONG, KEPT), strict=False):
        kinds[place] = (kind, kinds[place][1])
    for kind, name in kinds:
        took[kind].append(await _refused(house, name, f"wrong {kind} {number}"))
    locked = [(FIRST_LOCKED, LOCKED, f"locked-{slot}"), (FIRST_NOBODY, NOBODY, f"nobody-{slot}")]
    _shuffle(locked, order, back=bool(number % 2))
    for _, _, name in locked:
        await _refused(house, name, f"lock {number}")
    for turn in range(2):
        for first, later, name in locked:
            took_s = await _refused(house, name, f"wrong {turn} {number}", locked=True)
            took[later if turn else first].append(took_s)


def _shuffle(kinds: list[Any], order: random.Random, *, back: bool) -> None:
    """Put kinds in an order of chance, and every second time in the last one's opposite.

    Whoever comes after a write finds cold caches: each comes as often before the others as after them.
    """
    order.shuffle(kinds)
    if back:
        kinds.reverse()


async def _refused(house: _House, name: str, password: str, *, locked: bool = False) -> float:
    peer, refused = next(house.peers), TooManyAttempts if locked else NotAuthenticated
    began = time.perf_counter()
    try:
        await house.kit.identity.authenticate(name, password, peer=peer, fresh=True)
    except SpoolError as error:
        took_s = time.perf_counter() - began
        if isinstance(error, refused):
            return took_s
        raise
    raise SystemExit("a wrong password was accepted")


# -- what they tell


def _compared(title: str, took: _Took, pairs: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Print how far apart the kinds are; returns the pairs that are further than chance would have them."""
    differing = []
    for one, other in pairs:
        if not (took[one] and took[other]):
            continue
        critical = 1.358 * math.sqrt(1 / len(took[one]) + 1 / len(took[other]))
        distance = _distance(took[one], took[other])
        if distance >= critical:
            differing.append((one, other))
        middle, beside = (percentile(sorted(took[kind]), 0.5) * 1000 for kind in (one, other))
        print(
            f"{title}: {one} / {other}: KS {distance:.3f} (5 % critical value {critical:.3f},"
            f" {len(took[one]):,} and {len(took[other]):,} samples); medians {middle:.3f} / {beside:.3f} ms",
            flush=True,
        )
    return differing


def _distance(ones: Sequence[float], others: Sequence[float]) -> float:
    """Return the largest distance between two empirical distributions (two-sample Kolmogorov-Smirnov)."""
    first, second = sorted(ones), sorted(others)
    return max(
        abs(bisect.bisect_right(first, at) / len(first) - bisect.bisect_right(second, at) / len(second))
        for at in (*first, *second)
    )
