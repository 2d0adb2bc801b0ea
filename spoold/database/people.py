"""People: accounts, their sessions and failed sign-ins; rows in, typed rows out."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, func, insert, or_, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from spoold.database.schema import sessions, sign_in_failures, users
from spoold.database.times import from_us, to_us
from spoold.model.ids import UserId
from spoold.model.principal import Method, Role

_USER_BY_NAME = select(users).where(users.c.name == bindparam("user_name"))
_ID_OF_NAME = select(func.max(users.c.id)).where(users.c.name == bindparam("user_name"))
_USER_BY_ID = select(users).where(users.c.id == bindparam("user_id"))
_SESSION = select(sessions).where(sessions.c.token_hash == bindparam("of_token"))


@dataclass(frozen=True, slots=True)
class UserRow:
    """One account: spoold's own, or a directory person who was here before.

    Args:
        name: canonical name, unique.
        password_hash: bcrypt string, empty for people of a directory; masked in repr.
        epoch: grows with every change that must end sessions and forget proofs.
        vouched_at: when an OpenID provider last vouched for a person whom nobody else knows.
    """

    id: UserId
    name: str
    password_hash: str = field(repr=False)
    groups: frozenset[str]
    role: Role
    disabled: bool
    epoch: int
    created_at: datetime
    display_name: str = field(default="", repr=False)
    provider: str = "local"
    vouched_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class SessionRow:
    """One session of the portal; the token itself is known to its browser only.

    Args:
        token_hash: SHA-256 of the token; masked in repr.
        user_epoch: the account's epoch at sign-in; the session is dead once they differ.
        proven_at: when the password itself was checked last.
        used_at: when a person last did something in it.
        method: how the person was proven when it began.
        second_at: when a second factor was shown in it.
        station: the release station it belongs to.
    """

    token_hash: bytes = field(repr=False)
    user_id: UserId
    user_epoch: int
    proven_at: datetime
    created_at: datetime
    used_at: datetime
    method: Method = Method.PASSWORD
    second_at: datetime | None = None
    station: str | None = None


@dataclass(frozen=True, slots=True)
class FailureRow:
    """Failed sign-ins of one subject ("user:ID", "address:IP" or "network:CIDR")."""

    subject: str
    failures: int
    first_at: datetime
    last_at: datetime
    locked_until: datetime


def insert_user(connection: Connection, user: UserRow) -> None:
    """Insert an account; an IntegrityError says that the name is taken."""
    row = {
        "id": user.id,
        "name": user.name,
        "display_name": user.display_name,
        "password_hash": user.password_hash,
        "groups": json.dumps(sorted(user.groups)),
        "role": user.role.value,
        "disabled": int(user.disabled),
        "epoch": user.epoch,
        "created_us": to_us(user.created_at),
        "provider": user.provider,
        "vouched_us": to_us(user.vouched_at),
    }
    connection.execute(insert(users), row)


def user_by_name(connection: Connection, name: str) -> UserRow | None:
    """Return the account of this canonical name."""
    row = connection.execute(_USER_BY_NAME, {"user_name": name}).one_or_none()
    return None if row is None else _user_of(row)


def id_of_name(connection: Connection, name: str) -> UserId | None:
    """Return the id of the account of this canonical name; the same work where there is none."""
    found: str | None = connection.execute(_ID_OF_NAME, {"user_name": name}).scalar_one()
    return None if found is None else UserId(found)


def user_by_id(connection: Connection, user_id: UserId) -> UserRow | None:
    """Return the account of this id."""
    row = connection.execute(_USER_BY_ID, {"user_id": user_id}).one_or_none()
    return None if row is None else _user_of(row)


def list_users(connection: Connection) -> list[UserRow]:
    """Return all accounts by name."""
    return [_user_of(row) for row in connection.execute(select(users).order_by(users.c.name))]


def set_password_hash(connection: Connection, user_id: UserId, password_hash: str) -> bool:
    """Give an account a new password and a new epoch; False when there is no such account."""
    values = {"password_hash": password_hash, "epoch": users.c.epoch + 1}
    return connection.execute(update(users).where(users.c.id == user_id).values(values)).rowcount == 1


def replace_hash(connection: Connection, user_id: UserId, old: str, new: str) -> bool:
    """Store another hash of the same password; False when the password was changed meanwhile."""
    statement = update(users).where(users.c.id == user_id, users.c.password_hash == old)
    return connection.execute(statement.values(password_hash=new)).rowcount == 1


def set_disabled(connection: Connection, user_id: UserId, *, disabled: bool) -> bool:
    """Close or open an account, with a new epoch; False when there is no such account."""
    values = {"disabled": int(disabled), "epoch": users.c.epoch + 1}
    return connection.execute(update(users).where(users.c.id == user_id).values(values)).rowcount == 1


def update_person(
    connection: Connection,
    user_id: UserId,
    *,
    name: str,
    groups: frozenset[str],
    role: Role,
    display_name: str,
    vouched_at: datetime | None = None,
) -> None:
    """Write down what a directory says of a person now; an IntegrityError says that the name is taken."""
    values: dict[str, Any] = {
        "vouched_us": to_us(vouched_at),
        "name": name,
        "groups": json.dumps(sorted(groups)),
        "role": role.value,
        "display_name": display_name,
    }
    connection.execute(update(users).where(users.c.id == user_id).values(values))


def rename_user(connection: Connection, user_id: UserId, name: str) -> None:
    """Give an account another name, with a new epoch; an IntegrityError says that the name is taken."""
    values = {"name": name, "epoch": users.c.epoch + 1}
    connection.execute(update(users).where(users.c.id == user_id).values(values))


def insert_session(connection: Connection, session: SessionRow) -> None:
    """Insert a session."""
    row = {
        "token_hash": session.token_hash,
        "user_id": session.user_id,
        "user_epoch": session.user_epoch,
        "proven_us": to_us(session.proven_at),
        "created_us": to_us(session.created_at),
        "used_us": to_us(session.used_at),
        "method": session.method.value,
        "second_us": to_us(session.second_at),
        "station": session.station,
    }
    connection.execute(insert(sessions), row)


def session_by_hash(connection: Connection, token_hash: bytes) -> SessionRow | None:
    """Return the session whose token has this hash."""
    row = connection.execute(_SESSION, {"of_token": token_hash}).one_or_none()
    return None if row is None else _session_of(row)


def sessions_of(connection: Connection, user_id: UserId) -> list[SessionRow]:
    """Return the sessions of an account, the most recently used first."""
    statement = select(sessions).where(sessions.c.user_id == user_id).order_by(sessions.c.used_us.desc())
    return [_session_of(row) for row in connection.execute(statement)]


def touch_session(connection: Connection, token_hash: bytes, at: datetime) -> None:
    """Note that a person used the session; never sets the moment back."""
    statement = update(sessions).where(sessions.c.token_hash == token_hash, sessions.c.used_us < to_us(at))
    connection.execute(statement.values(used_us=to_us(at)))


def prove_session(connection: Connection, token_hash: bytes, at: datetime) -> bool:
    """Note that the password was checked again in this session; False when the session has ended."""
    statement = update(sessions).where(sessions.c.token_hash == token_hash)
    return connection.execute(statement.values(proven_us=to_us(at), used_us=to_us(at))).rowcount == 1


def show_second_factor(connection: Connection, token_hash: bytes, at: datetime) -> bool:
    """Note that a second factor was shown in this session; False when the session has ended."""
    statement = update(sessions).where(sessions.c.token_hash == token_hash)
    values = {"second_us": to_us(at), "proven_us": to_us(at), "used_us": to_us(at)}
    return connection.execute(statement.values(values)).rowcount == 1


def delete_session(connection: Connection, token_hash: bytes) -> bool:
    """End a session; False when it had ended before."""
    return connection.execute(delete(sessions).where(sessions.c.token_hash == token_hash)).rowcount == 1


def delete_sessions_of(connection: Connection, user_id: UserId) -> int:
    """End every session of an account; returns how many."""
    return int(connection.execute(delete(sessions).where(sessions.c.user_id == user_id)).rowcount)


def delete_old_sessions(connection: Connection, *, created_before: datetime, used_before: datetime) -> int:
    """End sessions that are too old or idle for too long; returns how many."""
    old = or_(sessions.c.created_us < to_us(created_before), sessions.c.used_us < to_us(used_before))
    return int(connection.execute(delete(sessions).where(old)).rowcount)


def failure_rows(connection: Connection) -> list[FailureRow]:
    """Return all counted failures."""
    return [
        FailureRow(
            row.subject,
            row.failures,
            from_us(row.first_us),
            from_us(row.last_us),
            from_us(row.locked_until_us),
        )
        for row in connection.execute(select(sign_in_failures))
    ]


def put_failures(connection: Connection, rows: Iterable[FailureRow]) -> None:
    """Store the counts of these subjects, whatever was stored of them before."""
    for row in rows:
        values = {
            "failures": row.failures,
            "first_us": to_us(row.first_at),
            "last_us": to_us(row.last_at),
            "locked_until_us": to_us(row.locked_until),
        }
        statement = upsert(sign_in_failures).values(subject=row.subject, **values)
        connection.execute(statement.on_conflict_do_update(index_elements=["subject"], set_=values))


def forget_failures(connection: Connection, *, before: datetime) -> int:
    """Delete counts whose last failure is older than this; returns how many.

    Those of PINs stay: ten wrong ones end a PIN, however long that took (spoold.identity.guesses).
    """
    is_old = sign_in_failures.c.last_us < to_us(before)
    statement = delete(sign_in_failures).where(is_old, ~sign_in_failures.c.subject.startswith("pin:"))
    return int(connection.execute(statement).rowcount)


def forget_failures_of(connection: Connection, subject: str) -> None:
    """Delete the count of one subject."""
    connection.execute(delete(sign_in_failures).where(sign_in_failures.c.subject == subject))


def _user_of(row: Row[Any]) -> UserRow:
    c = row._mapping
    return UserRow(
        id=UserId(c["id"]),
        name=c["name"],
        password_hash=c["password_hash"],
        groups=frozenset(json.loads(c["groups"])),
        role=Role(c["role"]),
        disabled=bool(c["disabled"]),
        epoch=c["epoch"],
        created_at=from_us(c["created_us"]),
        display_name=c["display_name"],
        provider=c["provider"],
        vouched_at=from_us(c["vouched_us"]),
    )


def _session_of(row: Row[Any]) -> SessionRow:
    c = row._mapping
    return SessionRow(
        token_hash=c["token_hash"],
        user_id=UserId(c["user_id"]),
        user_epoch=c["user_epoch"],
        proven_at=from_us(c["proven_us"]),
        created_at=from_us(c["created_us"]),
        used_at=from_us(c["used_us"]),
        method=Method(c["method"]),
        second_at=from_us(c["second_us"]),
        station=c["station"],
    )
