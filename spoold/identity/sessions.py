"""Sessions of the portal: random tokens, of which the database holds hashes; idle and absolute ends."""

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from spoold.database import people
from spoold.database.people import SessionRow, UserRow
from spoold.model.ids import UserId
from spoold.model.principal import Method, Principal

TOKEN_BYTES = 32
_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")
# The wall clock may be slewed back by NTP between two requests; a session from further ahead is not trusted.
_CLOCK_TOLERANCE = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class SessionLimits:
    """When sessions end."""

    # Somebody walked away from a shared computer.
    idle: timedelta = timedelta(minutes=10)
    # A working day; whoever goes on types the password once more.
    absolute: timedelta = timedelta(hours=8)
    # Use is written down at most this often: a page view costs no fsync. Idle ends come up to this early.
    use_granularity: timedelta = timedelta(seconds=60)
    # Whoever walks away from a printer leaves nothing behind; a release there takes seconds.
    station: timedelta = timedelta(seconds=60)
    # Phone, desk, station, and some forgotten ones; the longest unused goes first.
    max_per_user: int = 20


@dataclass(frozen=True, slots=True)
class Session:
    """A session that is good now, and whose it is."""

    row: SessionRow
    user: UserRow

    @property
    def proven_at(self) -> datetime:
        """When the password itself was checked last."""
        return self.row.proven_at

    @property
    def second_at(self) -> datetime | None:
        """When a second factor was shown; None while none was."""
        return self.row.second_at

    @property
    def station(self) -> str | None:
        """The release station it belongs to, None elsewhere."""
        return self.row.station

    @property
    def principal(self) -> Principal:
        """Whose session it is, proven as it was when the session began."""
        user = self.user
        return Principal(
            id=user.id,
            name=user.name,
            groups=user.groups,
            role=user.role,
            method=self.row.method,
            proven_at=self.row.proven_at,
            display_name=user.display_name,
            provider=user.provider,
            second_at=self.row.second_at,
            station=self.row.station,
        )


def csrf_token(token: str) -> str:
    """Return what every form of a session carries: HMAC-SHA256 of a fixed word under the session token.

    A page of another origin knows neither; the value cannot be turned back into the session token.
    """
    return hmac.digest(token.encode(), b"spoold/csrf/v1", hashlib.sha256).hex()


def csrf_matches(token: str, presented: str) -> bool:
    """Tell whether a form carries its session's CSRF token."""
    return hmac.compare_digest(csrf_token(token).encode(), presented.encode("utf-8", "replace"))


class Sessions:
    """What happens to sessions, inside the transactions of the caller."""

    def __init__(self, limits: SessionLimits | None = None) -> None:
        self._limits = limits or SessionLimits()

    def begin(
        self,
        connection: Connection,
        user_id: UserId,
        epoch: int,
        now: datetime,
        *,
        method: Method = Method.PASSWORD,
        proven_at: datetime | None = None,
        second_at: datetime | None = None,
        station: str | None = None,
    ) -> str:
        """Start a session for somebody who was just proven; returns its new token.

        Args:
            proven_at: when the proof itself was shown; `now` unless told.
            second_at: when a second factor was shown, if one was.
            station: the release station it belongs to.
        """
        people.delete_old_sessions(
            connection, created_before=now - self._limits.absolute, used_before=now - self._limits.idle
        )
        others = people.sessions_of(connection, user_id)
        for surplus in others[self._limits.max_per_user - 1 :]:
            people.delete_session(connection, surplus.token_hash)
        token = secrets.token_urlsafe(TOKEN_BYTES)
        row = SessionRow(_hash(token), user_id, epoch, proven_at or now, now, now, method, second_at, station)
        people.insert_session(connection, row)
        return token

    def find(self, connection: Connection, token: str, now: datetime) -> Session | None:
        """Return the session of this token if it is good now: not ended, its account open and unchanged."""
        if not _TOKEN.fullmatch(token):
            return None
        row = people.session_by_hash(connection, _hash(token))
        if row is None or not self._is_alive(row, now):
            return None
        user = people.user_by_id(connection, row.user_id)
        if user is None or user.disabled or user.epoch != row.user_epoch:
            return None
        return Session(row, user)

    def needs_touch(self, session: Session, now: datetime) -> bool:
        """Tell whether this use is to be written down; in a minute at a station every one is."""
        return session.station is not None or now - session.row.used_at >= self._limits.use_granularity

    def touch(self, connection: Connection, session: Session, now: datetime) -> None:
        """Write down that a person used the session."""
        people.touch_session(connection, session.row.token_hash, now)

    def prove(self, connection: Connection, session: Session, now: datetime) -> bool:
        """Write down that the password was checked again; False when the session has ended meanwhile."""
        return people.prove_session(connection, session.row.token_hash, now)

    def show_second(self, connection: Connection, session: Session, now: datetime) -> bool:
        """Write down that a second factor was shown; False when the session has ended meanwhile."""
        return people.show_second_factor(connection, session.row.token_hash, now)

    def end(self, connection: Connection, token: str) -> SessionRow | None:
        """End the session of this token; returns it if there was one."""
        row = people.session_by_hash(connection, _hash(token))
        if row is not None:
            people.delete_session(connection, row.token_hash)
        return row

    def end_all(self, connection: Connection, user_id: UserId) -> int:
        """End every session of an account."""
        return people.delete_sessions_of(connection, user_id)

    def _is_alive(self, row: SessionRow, now: datetime) -> bool:
        if max(row.created_at, row.used_at, row.proven_at) > now + _CLOCK_TOLERANCE:
            return False
        idle = self._limits.idle if row.station is None else self._limits.station
        return now - row.created_at < self._limits.absolute and now - row.used_at < idle


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()
