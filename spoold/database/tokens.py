"""Tokens of programs; rows in, typed rows out. The secret itself is known to its program only."""

import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, insert, select, update

from spoold.database.schema import api_tokens
from spoold.database.times import from_us, to_us
from spoold.model.ids import UserId

_BY_ID = select(api_tokens).where(api_tokens.c.id == bindparam("token_id"))


@dataclass(frozen=True, slots=True)
class TokenRow:
    """One token.

    Args:
        user_id: whose jobs it is about; None for agents of the site.
        secret_hash: SHA-256 of the secret; masked in repr.
        networks: where it may be used from, as CIDR.
        used_at: the last use that was written down, at most a minute before the last one.
    """

    id: str
    user_id: UserId | None
    label: str
    secret_hash: bytes = field(repr=False)
    scopes: frozenset[str]
    networks: tuple[str, ...]
    created_by: str
    created_at: datetime
    expires_at: datetime
    used_at: datetime | None = None
    revoked_at: datetime | None = None


def insert_token(connection: Connection, token: TokenRow) -> None:
    """Insert a token."""
    row = {
        "id": token.id,
        "user_id": token.user_id,
        "label": token.label,
        "secret_hash": token.secret_hash,
        "scopes": json.dumps(sorted(token.scopes)),
        "networks": json.dumps(token.networks),
        "created_by": token.created_by,
        "created_us": to_us(token.created_at),
        "expires_us": to_us(token.expires_at),
    }
    connection.execute(insert(api_tokens), row)


def token_by_id(connection: Connection, token_id: str) -> TokenRow | None:
    """Return the token of this id."""
    row = connection.execute(_BY_ID, {"token_id": token_id}).one_or_none()
    return None if row is None else _token_of(row)


def list_tokens(connection: Connection, user_id: UserId | None = None) -> list[TokenRow]:
    """Return the tokens of an account, or all when none is given; the newest first."""
    statement = select(api_tokens).order_by(api_tokens.c.created_us.desc(), api_tokens.c.id)
    if user_id is not None:
        statement = statement.where(api_tokens.c.user_id == user_id)
    return [_token_of(row) for row in connection.execute(statement)]


def touch_token(connection: Connection, token_id: str, at: datetime) -> None:
    """Note that a token was used."""
    statement = update(api_tokens).where(api_tokens.c.id == token_id)
    connection.execute(statement.values(used_us=to_us(at)))


def revoke_token(connection: Connection, token_id: str, at: datetime) -> bool:
    """End a token; False when there is none that is still good."""
    statement = update(api_tokens).where(api_tokens.c.id == token_id, api_tokens.c.revoked_us.is_(None))
    return connection.execute(statement.values(revoked_us=to_us(at))).rowcount == 1


def _token_of(row: Row[Any]) -> TokenRow:
    c = row._mapping
    return TokenRow(
        id=c["id"],
        user_id=None if c["user_id"] is None else UserId(c["user_id"]),
        label=c["label"],
        secret_hash=c["secret_hash"],
        scopes=frozenset(json.loads(c["scopes"])),
        networks=tuple(json.loads(c["networks"])),
        created_by=c["created_by"],
        created_at=from_us(c["created_us"]),
        expires_at=from_us(c["expires_us"]),
        used_at=from_us(c["used_us"]),
        revoked_at=from_us(c["revoked_us"]),
    )
