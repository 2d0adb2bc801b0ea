"""Slows down guessing: per person, per address and per network; never a lock that lasts.

Counted are checks that failed, not attempts that were turned away before a check: an old password in
somebody's print queue, tried every five seconds, must not lock out the room it stands in.

A person has 5 failed checks in any 15 minutes, whoever made them. Where somebody has signed in as this
person before, one of the five is kept for those places: guessing from elsewhere slows the guesser, not the
person at the usual desk.
"""

from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta

import trio

from spoold.database.people import FailureRow
from spoold.identity.places import home_of, places_of
from spoold.identity.turns import FIRST
from spoold.model.errors import Busy, TooManyAttempts
from spoold.model.ids import UserId
from spoold.runtime.clock import Clock

_NOBODY = "nobody"

_AT_ONCE = "This account is being signed in to too many times at once. Try again in a moment."


@dataclass(frozen=True, slots=True)
class ThrottleLimits:
    """Bounds on failed checks (docs/threat-model.md, guessing)."""

    # Below the lockout threshold of any sane directory, so that spoold cannot be used to lock accounts there.
    user_failures: int = 5
    user_window_s: float = 900.0
    # After the fifth failure in a row, doubling with each further one.
    first_delay_s: float = 30.0
    max_delay_s: float = 900.0
    # A computer room behind one address has people who mistype.
    address_failures: int = 20
    address_window_s: float = 600.0
    # An IPv4 /24 or IPv6 /64: one network of guessers.
    network_failures: int = 200
    network_window_s: float = 600.0
    # Checks of one name run one after the other; more waiting ones are no person.
    user_queue: int = 16
    # At some tens of checks a second counts expire faster than they could reach this.
    max_subjects: int = 65_536
    # People whose usual places are remembered, and places of each; the least recently used go first.
    max_residents: int = 10_000
    max_places_each: int = 8
    # A row of failures that nobody went on with for an hour is history.
    streak_s: float = 3_600.0


@dataclass(slots=True)
class _Window:
    """Failures of one address or network within a window."""

    limit: int
    window_s: float
    times: deque[float] = field(default_factory=deque)
    checking: int = 0
    reported_until: float = 0.0

    def recent(self, now: float) -> list[float]:
        """Forget what has left the window and return the rest, oldest first."""
        while self.times and self.times[0] <= now - self.window_s:
            self.times.popleft()
        return list(self.times)

    def wait_s(self, now: float) -> float:
        """Return how long until another failure is allowed, 0.0 when it is now."""
        return _wait_s(self.recent(now), self.limit, self.window_s, now)


@dataclass(slots=True)
class _Line(_Window):
    """Failures under one name from places of one sort; checks from there follow each other, `home`'s last."""

    gate: trio.Lock = field(default_factory=trio.Lock)
    waiting: int = 0
    home: str = ""


@dataclass(slots=True)
class _Person:
    """Failures under one name; `usual` are those from places where this person has signed in."""

    strange: _Line
    usual: _Line
    streak: int = 0
    last: float = 0.0
    locked_until: float = 0.0
    reported_until: float = 0.0

    def recent(self, now: float) -> list[float]:
        return sorted((*self.strange.recent(now), *self.usual.recent(now)))


class Attempt:
    """One admitted check; its owner says how it ended. Untold counts as neither.

    Args:
        rank: where it stands among others that wait for a processor (turns.Turns).
    """

    def __init__(self, throttle: "Throttle", name: str, peer: str, rank: int) -> None:
        self.rank = rank
        self._throttle = throttle
        self._name = name
        self._peer = peer

    def failed(self) -> None:
        """Count a failure."""
        self._throttle._count(self._name, self._peer)

    def succeeded(self) -> None:
        """End the row of failures and remember the place as one of this person's."""
        self._throttle._welcome(self._name, self._peer)


class Throttle:
    """Counts failures in memory, on the monotonic clock; rows for the database are asked for and given back.

    Args:
        clock: durations are monotonic, rows carry the wall clock.
    """

    def __init__(self, clock: Clock, limits: ThrottleLimits | None = None) -> None:
        self._clock = clock
        self._limits = limits or ThrottleLimits()
        self._people: dict[str, _Person] = {}
        self._places: dict[str, _Window] = {}
        # Usual places by name, the most recently used last.
        self._usual: OrderedDict[str, list[str]] = OrderedDict()

    @asynccontextmanager
    async def attempt(self, name: str, peer: str) -> AsyncIterator[Attempt]:
        """Let one check happen, or refuse it.

        Checks of one name follow each other; those from a person's usual places do not wait for others.

        Args:
            name: canonical name, known or not; empty for no name at all.
            peer: numeric address of the client.

        Raises:
            TooManyAttempts: too many checks failed; `fields["retry_after_s"]` says for how long and
                `fields["first"]` whether this is the first refusal of this lock.
            Busy: too many checks are under way.
        """
        windows = [self._place(subject) for subject in places_of(peer)]
        # Before the name is so much as remembered: a place that is shut out can think of any number of them.
        self._refuse_if_shut_out(windows)
        person = self._person(name)
        self._refuse_if_locked(person, name, peer, windows)
        line, other, home = person.strange, person.usual, home_of(peer)
        # A place that has just become a usual one waits for what it sent itself until then.
        if self._is_usual(name, peer) and not (line.gate.locked() and line.home == home):
            line, other = other, line
        if line.waiting >= self._limits.user_queue:
            raise Busy(_AT_ONCE)
        line.waiting += 1
        for window in windows:
            window.checking += 1
        try:
            async with line.gate:
                # While this one waited, the ones before it may have used up what was left.
                self._refuse_if_locked(person, name, peer, windows, waited=True)
                if name and len(person.recent(self._clock.monotonic_s())) + other.gate.locked() >= line.limit:
                    # The last check that is left is under way, from a place of the other sort.
                    raise Busy(_AT_ONCE)
                line.home = home
                yield Attempt(self, name, peer, self._rank(name, peer, windows))
        finally:
            line.waiting -= 1
            for window in windows:
                window.checking -= 1

    @asynccontextmanager
    async def place(self, peer: str | None) -> AsyncIterator[tuple[str, ...]]:
        """Let a check happen that is not of a name, as far as its place goes; yields what counts for it.

        Args:
            peer: numeric address of the client; None where no place counts.

        Raises:
            TooManyAttempts, Busy: as `attempt`.
        """
        subjects = () if peer is None else places_of(peer)
        windows = [self._place(subject) for subject in subjects]
        self._refuse_if_shut_out(windows)
        self._refuse_if_crowded(windows)
        for window in windows:
            window.checking += 1
        try:
            yield subjects
        finally:
            for window in windows:
                window.checking -= 1

    def count_place(self, subject: str) -> list[FailureRow]:
        """Count a failure of a place that `place` named; returns what is to be stored."""
        now = self._clock.monotonic_s()
        window = self._place(subject)
        window.times.append(now)
        return [self._row(subject, window.recent(now), 0.0)]

    def rows(self, name: str, peer: str, user_id: UserId | None) -> list[FailureRow]:
        """Return what is to be stored after a check: counts of the place and of the person.

        A name that nobody has is not stored: people type passwords into name fields. Its count goes to a
        row that stands for all such names and is never read, so that storing takes the same time.
        """
        now = self._clock.monotonic_s()
        found = []
        for subject in places_of(peer):
            window = self._places.get(subject)
            if window is not None and (times := window.recent(now)):
                found.append(self._row(subject, times, 0.0))
        person = self._people.get(name)
        if person is not None and (times := person.recent(now)):
            subject = _NOBODY if user_id is None else f"user:{user_id}"
            found.append(self._row(subject, times, person.locked_until))
        return found

    def restore(self, rows: Iterable[FailureRow], names: Mapping[str, str]) -> None:
        """Take over counts from before a restart.

        Each failure is taken to have happened at the time of the last one, and no lock lasts longer
        than the longest that can be given: whatever the wall clock did meanwhile.

        Args:
            names: canonical names by account id.
        """
        wall, now = self._clock.now(), self._clock.monotonic_s()
        for row in rows:
            kind, _, rest = row.subject.partition(":")
            last = now - max(0.0, (wall - row.last_at).total_seconds())
            if kind == "user" and rest in names:
                person = self._person(names[rest])
                person.streak, person.last = row.failures, last
                left_s = (row.locked_until - wall).total_seconds()
                person.locked_until = now + min(max(left_s, 0.0), self._limits.max_delay_s)
                person.strange.times.extend([last] * min(row.failures, self._limits.user_failures))
            elif kind in {"address", "network"}:
                window = self._place(row.subject)
                window.times.extend([last] * min(row.failures, window.limit))

    @property
    def remembered(self) -> timedelta:
        """How long stored counts still say something."""
        longest = max(self._limits.user_window_s, self._limits.address_window_s, self._limits.max_delay_s)
        return timedelta(seconds=2 * longest)

    # -- what an Attempt reports

    def _count(self, name: str, peer: str) -> None:
        now = self._clock.monotonic_s()
        for subject in places_of(peer):
            self._place(subject).times.append(now)
        if not name:
            return
        person = self._person(name)
        (person.usual if self._is_usual(name, peer) else person.strange).times.append(now)
        person.streak = person.streak + 1 if now - person.last <= self._limits.streak_s else 1
        person.last = now
        over = person.streak - self._limits.user_failures
        if over >= 0:
            delay_s = min(self._limits.first_delay_s * 2.0 ** min(over, 32), self._limits.max_delay_s)
            person.locked_until = now + delay_s

    def _welcome(self, name: str, peer: str) -> None:
        person = self._person(name)
        person.streak = 0
        person.locked_until = 0.0
        home, homes = home_of(peer), self._usual.setdefault(name, [])
        if home in homes:
            homes.remove(home)
        homes.append(home)
        del homes[: -self._limits.max_places_each]
        self._usual.move_to_end(name)
        while len(self._usual) > self._limits.max_residents:
            self._usual.popitem(last=False)

    # -- the decision

    def _refuse_if_locked(
        self, person: _Person, name: str, peer: str, windows: list[_Window], *, waited: bool = False
    ) -> None:
        self._refuse_if_shut_out(windows)
        now = self._clock.monotonic_s()
        wait_s = self._person_wait_s(person, name, peer, now) if name else 0.0
        if wait_s > 0:
            first = person.reported_until <= now
            person.reported_until = now + wait_s
            raise TooManyAttempts(wait_words(wait_s), retry_after_s=wait_s, first=first)
        self._refuse_if_crowded(windows, mine=1 if waited else 0)

    def _refuse_if_crowded(self, windows: list[_Window], *, mine: int = 0) -> None:
        """Refuse a place where as many checks are under way as failures are left."""
        if any(len(window.times) + window.checking - mine >= window.limit for window in windows):
            raise Busy("Too many sign-ins from your network at this moment. Try again in a few seconds.")

    def _refuse_if_shut_out(self, windows: list[_Window]) -> None:
        """Refuse a place with too many failures; one record for each time, whatever names it tries."""
        now = self._clock.monotonic_s()
        locks = [window for window in windows if window.wait_s(now) > 0]
        if not locks:
            return
        wait_s = max(window.wait_s(now) for window in locks)
        first = any(window.reported_until <= now for window in locks)
        for window in locks:
            window.reported_until = now + wait_s
        raise TooManyAttempts(wait_words(wait_s), retry_after_s=wait_s, first=first)

    def _person_wait_s(self, person: _Person, name: str, peer: str, now: float) -> float:
        limit, window_s = self._limits.user_failures, self._limits.user_window_s
        all_s = _wait_s(person.recent(now), limit, window_s, now)
        if self._is_usual(name, peer):
            return all_s
        strangers = limit - 1 if name in self._usual else limit
        strange_s = _wait_s(person.strange.recent(now), strangers, window_s, now)
        return max(all_s, strange_s, person.locked_until - now)

    def _rank(self, name: str, peer: str, windows: list[_Window]) -> int:
        """Return how many checks failed or are under way at a place; as if a network were ten addresses."""
        if self._is_usual(name, peer):
            return FIRST
        address_failures = self._limits.address_failures
        return max(
            (len(window.times) + window.checking) * address_failures // window.limit for window in windows
        )

    def _is_usual(self, name: str, peer: str) -> bool:
        return home_of(peer) in self._usual.get(name, ())

    # -- the counters

    def _person(self, name: str) -> _Person:
        person = self._people.get(name)
        if person is None:
            self._make_room(self._people)
            limit, window_s = self._limits.user_failures, self._limits.user_window_s
            person = self._people[name] = _Person(_Line(limit, window_s), _Line(limit, window_s))
        return person

    def _place(self, subject: str) -> _Window:
        window = self._places.get(subject)
        if window is None:
            self._make_room(self._places)
            limits = self._limits
            if subject.startswith("network:"):
                window = _Window(limits.network_failures, limits.network_window_s)
            else:
                window = _Window(limits.address_failures, limits.address_window_s)
            self._places[subject] = window
        return window

    def _make_room(self, counters: dict[str, _Person] | dict[str, _Window]) -> None:
        if len(counters) < self._limits.max_subjects:
            return
        now = self._clock.monotonic_s()
        for subject in [subject for subject, counter in counters.items() if _is_over(counter, now)]:
            del counters[subject]
        if len(counters) >= self._limits.max_subjects:
            # Dropping a live count would hand somebody fresh guesses.
            raise Busy("Too many failed sign-ins in the last minutes. Try again later.")

    def _row(self, subject: str, times: list[float], locked_until: float) -> FailureRow:
        wall, now = self._clock.now(), self._clock.monotonic_s()
        return FailureRow(
            subject,
            len(times),
            first_at=wall - timedelta(seconds=now - times[0]),
            last_at=wall - timedelta(seconds=now - times[-1]),
            locked_until=wall + timedelta(seconds=max(locked_until - now, 0.0)),
        )


def _wait_s(times: list[float], limit: int, window_s: float, now: float) -> float:
    """Return how long until fewer than `limit` of these moments lie within the window."""
    return times[-limit] + window_s - now if len(times) >= limit else 0.0


def _is_over(counter: _Person | _Window, now: float) -> bool:
    if isinstance(counter, _Person):
        waiting = counter.strange.waiting + counter.usual.waiting
        return not counter.recent(now) and not waiting and counter.locked_until <= now
    return not counter.recent(now) and not counter.checking


def wait_words(wait_s: float) -> str:
    """Return what somebody is told who has to wait."""
    if wait_s <= 60:
        return "Too many failed sign-ins. Try again in a minute."
    return f"Too many failed sign-ins. Try again in {int(-(-wait_s // 60))} minutes."
