"""Counts wrong answers to short secrets: PINs at a printer, badges, one-time passwords, tokens.

Every secret has a subject of its own ("pin:USER", "badge:TAG", "station:NAME"), and so has the place where it
was typed. A subject that is used up is refused before anything is compared, whether it is anybody's or not.
Failures are written in the transaction that records them, so that a restart is no way to guess on.
"""

from collections import deque
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from types import MappingProxyType

import trio
from sqlalchemy import Connection

from spoold.database import badges, people
from spoold.database.engine import Database
from spoold.database.people import FailureRow
from spoold.identity.throttle import Throttle, wait_words
from spoold.model.errors import Busy, TooManyAttempts
from spoold.model.ids import UserId
from spoold.runtime.clock import Clock

_ENDED = "Too many wrong tries. Sign in to the portal, then try again here."


@dataclass(frozen=True, slots=True)
class KindLimits:
    """How often a subject of one kind may be wrong.

    Args:
        failures: within `window_s`, whoever made them.
        ends_after: so many in a row end it until its person has signed in by other means; None for never.
    """

    failures: int
    window_s: float
    ends_after: int | None = None


# docs/threat-model.md, guessing. A kind that is not named here is a mistake of ours, not of a caller's.
LIMITS: Mapping[str, KindLimits] = MappingProxyType(
    {
        # Six digits: five tries in a quarter of an hour, ten in all.
        "pin": KindLimits(5, 900.0, ends_after=10),
        "badge": KindLimits(5, 900.0),
        # People of a whole floor mistype at one reader.
        "station": KindLimits(20, 600.0),
        # One-time passwords have six digits and change every 30 s; recovery codes share the count.
        "second": KindLimits(5, 900.0),
        # A token cannot be guessed: this keeps a broken program from filling the audit chain.
        "tokens-from": KindLimits(20, 600.0),
        "codes-by": KindLimits(5, 900.0),
    }
)
# As for names (throttle.ThrottleLimits.max_subjects).
MAX_SUBJECTS = 65_536


@dataclass(slots=True)
class _Count:
    """Wrong answers of one subject."""

    limits: KindLimits
    times: deque[float] = field(default_factory=deque)
    streak: int = 0
    checking: int = 0
    reported_until: float = 0.0

    def recent(self, now: float) -> int:
        while self.times and self.times[0] <= now - self.limits.window_s:
            self.times.popleft()
        return len(self.times)

    def wait_s(self, now: float) -> float:
        """Return how long until another try is allowed, 0.0 when it is now."""
        if self.recent(now) < self.limits.failures:
            return 0.0
        return self.times[-self.limits.failures] + self.limits.window_s - now

    @property
    def has_ended(self) -> bool:
        return self.limits.ends_after is not None and self.streak >= self.limits.ends_after


class Guess:
    """One admitted try; its owner says how it ended, inside the transaction that records it."""

    def __init__(self, guesses: "Guesses", subjects: tuple[str, ...]) -> None:
        self._guesses = guesses
        self._subjects = subjects

    def wrong(self, connection: Connection) -> None:
        """Count a wrong answer for every subject, and store the counts."""
        self._guesses._count(connection, self._subjects)

    def right(self, connection: Connection) -> None:
        """End the row of failures; what was wrong within the window still counts."""
        self._guesses._end_streaks(connection, self._subjects)


class Guesses:
    """Admits tries, or refuses them.

    Args:
        throttle: knows the places people sign in from: a wrong PIN counts there like a wrong password.
    """

    def __init__(self, database: Database, clock: Clock, throttle: Throttle) -> None:
        self._database = database
        self._clock = clock
        self._throttle = throttle
        self._counts: dict[str, _Count] = {}
        self._restoring = trio.Lock()
        self._restored = trio.Event()

    @asynccontextmanager
    async def attempt(self, *subjects: str, peer: str | None = None) -> AsyncIterator[Guess]:
        """Let one try happen, or refuse it.

        Args:
            subjects: "KIND:REST" each, of the kinds in `LIMITS`.
            peer: numeric address of the client; its failures count like wrong passwords from there. None
                where many people stand behind one address.

        Raises:
            TooManyAttempts: a subject is used up; `fields["retry_after_s"]` says for how long,
                `fields["first"]` whether this is the first refusal since.
            Busy: as many tries as are left are under way.
            Unavailable: the counts from before a restart cannot be read.
        """
        await self._restore()
        async with self._throttle.place(peer) as place:
            counts = [self._count_of(subject) for subject in subjects]
            self._refuse(counts)
            for count in counts:
                count.checking += 1
            try:
                yield Guess(self, (*subjects, *place))
            finally:
                for count in counts:
                    count.checking -= 1

    def pardon(self, connection: Connection, subject: str) -> None:
        """Forget what was wrong: the person has proven by other means who they are."""
        self._counts.pop(subject, None)
        people.forget_failures_of(connection, subject)

    def pardon_person(self, connection: Connection, user_id: UserId) -> None:
        """Forget the wrong PINs of somebody who has just signed in, with whichever of their badges."""
        self.pardon(connection, pin_subject(user_id))
        for badge in badges.badges_of(connection, user_id):
            self.pardon(connection, badge_subject(badge.tag))

    # -- what a Guess reports

    def _count(self, connection: Connection, subjects: tuple[str, ...]) -> None:
        now = self._clock.monotonic_s()
        rows = []
        for subject in subjects:
            if _kind(subject) not in LIMITS:
                rows += self._throttle.count_place(subject)
                continue
            count = self._count_of(subject)
            count.recent(now)
            count.times.append(now)
            count.streak += 1
            rows.append(self._row(subject, count))
        people.put_failures(connection, rows)

    def _end_streaks(self, connection: Connection, subjects: tuple[str, ...]) -> None:
        for subject in subjects:
            count = self._counts.get(subject)
            if count is not None and count.streak:
                count.streak = 0
                people.put_failures(connection, [self._row(subject, count)])

    # -- the decision

    def _refuse(self, counts: list[_Count]) -> None:
        now = self._clock.monotonic_s()
        if any(count.has_ended for count in counts):
            first = any(count.has_ended and count.reported_until <= now for count in counts)
            for count in counts:
                count.reported_until = now + count.limits.window_s
            raise TooManyAttempts(_ENDED, first=first)
        wait_s = max((count.wait_s(now) for count in counts), default=0.0)
        if wait_s > 0:
            first = any(count.wait_s(now) > 0 and count.reported_until <= now for count in counts)
            for count in counts:
                count.reported_until = now + wait_s
            raise TooManyAttempts(wait_words(wait_s), retry_after_s=wait_s, first=first)
        # Sent all at once, no more are compared than one after the other.
        if any(count.recent(now) + count.checking >= count.limits.failures for count in counts):
            raise Busy("Too many tries at this moment. Try again in a few seconds.")

    def _count_of(self, subject: str) -> _Count:
        found = self._counts.get(subject)
        if found is None:
            self._make_room()
            found = self._counts[subject] = _Count(LIMITS[_kind(subject)])
        return found

    def _make_room(self) -> None:
        if len(self._counts) < MAX_SUBJECTS:
            return
        now = self._clock.monotonic_s()
        for subject, count in list(self._counts.items()):
            if not count.recent(now) and not count.checking and not count.has_ended:
                del self._counts[subject]
        if len(self._counts) >= MAX_SUBJECTS:
            raise Busy("Too many wrong tries in the last minutes. Try again later.")

    # -- over restarts

    def _row(self, subject: str, count: _Count) -> FailureRow:
        wall, now = self._clock.now(), self._clock.monotonic_s()
        times = count.times or [now]
        # What has ended stays so for as long as rows are kept at all: its count says that it has.
        return FailureRow(
            subject,
            max(len(count.times), count.streak),
            first_at=wall - timedelta(seconds=now - times[0]),
            last_at=wall - timedelta(seconds=now - times[-1]),
            locked_until=wall,
        )

    async def _restore(self) -> None:
        """Take over the counts from before a restart; once, before the first try."""
        if self._restored.is_set():
            return
        async with self._restoring:
            if self._restored.is_set():
                return
            rows = await self._database.read(people.failure_rows)
            wall, now = self._clock.now(), self._clock.monotonic_s()
            for row in rows:
                if _kind(row.subject) not in LIMITS:
                    continue
                count = self._count_of(row.subject)
                last = now - max(0.0, (wall - row.last_at).total_seconds())
                count.times.extend([last] * min(row.failures, count.limits.failures))
                count.streak = row.failures
            self._restored.set()


def pin_subject(whose: str) -> str:
    """Return under which wrong PINs of an account are counted, or of a badge that is no account's."""
    return f"pin:{whose}"


def badge_subject(tag: bytes) -> str:
    """Return under which wrong PINs with one badge are counted."""
    return f"badge:{tag.hex()}"


def _kind(subject: str) -> str:
    return subject.partition(":")[0]
