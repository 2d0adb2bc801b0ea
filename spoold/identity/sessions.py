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

    def begin(self, connection: Connection, user_id: UserId, epoch: int, now: datetime) -> str:
        """Start a session for somebody whose password was just checked; returns its new token."""
        people.delete_old_sessions(
            connection, created_before=now - self._limits.absolute, used_before=now - self._limits.idle
        )
        others = people.sessions_of(connection, user_id)
        for surplus in others[self._limits.max_per_user - 1 :]:
            people.delete_session(connection, surplus.token_hash)
        token = secrets.token_urlsafe(TOKEN_BYTES)
        people.insert_session(connection, SessionRow(_hash(token), user_id, epoch, now, now, now))
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
        """Tell whether this use is to be written down."""
        return now - session.row.used_at >= self._limits.use_granularity

    def touch(self, connection: Connection, session: Session, now: datetime) -> None:
        """Write down that a person used the session."""
        people.touch_session(connection, session.row.token_hash, now)

    def prove(self, connection: Connection, session: Session, now: datetime) -> bool:
        """Write down that the password was checked again; False when the session has ended meanwhile."""
        return people.prove_session(connection, session.row.token_hash, now)

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
        return now - row.created_at < self._limits.absolute and now - row.used_at < self._limits.idle


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()
