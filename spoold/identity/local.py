"""spoold's own accounts."""

import unicodedata
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from spoold.database import people
from spoold.database.engine import Database
from spoold.database.people import UserRow
from spoold.identity.passwords import PasswordHasher
from spoold.identity.people_of_directories import make_way
from spoold.identity.provider import LOCAL, Accepted, Finding, NotHere, Rejected, account_of, finding_of
from spoold.identity.secret import Secret
from spoold.model.errors import Busy, NotFound, NotPossible
from spoold.model.ids import UserId, canonical_name, new_token
from spoold.model.principal import Role
from spoold.records import audit
from spoold.runtime.clock import Clock

MAX_NAME_BYTES = 255
MAX_GROUPS = 256
# NIST SP 800-63B 3.1.1.2: at least eight; length is the only rule that helps.
MIN_PASSWORD_CHARACTERS = 8


@dataclass(frozen=True, slots=True)
class User:
    """An account as administrators see it."""

    id: UserId
    name: str
    groups: frozenset[str]
    role: Role
    disabled: bool
    created_at: datetime
    display_name: str = field(default="", repr=False)
    provider: str = LOCAL


class LocalUsers:
    """The provider "local": accounts in spoold's own database."""

    name = LOCAL

    def __init__(self, database: Database, clock: Clock, hasher: PasswordHasher) -> None:
        self._database = database
        self._clock = clock
        self._hasher = hasher

    async def check(self, name: str, password: Secret) -> Finding:
        """Check a password; one bcrypt run whether the account exists, is closed, or does not exist."""
        row = await self._database.read(lambda connection: people.user_by_name(connection, name), short=True)
        if row is None or row.provider != LOCAL:
            await self._hasher.verify_nobody(password)
            return NotHere()
        verdict = await self._hasher.verify(password, row.password_hash)
        if not verdict.matches:
            return Rejected(row.id, "wrong-password")
        if row.disabled:
            return Rejected(row.id, "disabled")
        if verdict.outdated:
            await self._rehash(row, password)
        return Accepted(account_of(row))

    async def find(self, name: str) -> Finding:
        """Look an account up by its name."""
        row = await self._database.read(lambda connection: people.user_by_name(connection, name), short=True)
        return finding_of(row, LOCAL)

    async def again(self, account_id: UserId) -> Finding:
        """Look an account up by its id."""
        row = await self._database.read(
            lambda connection: people.user_by_id(connection, account_id), short=True
        )
        return finding_of(row, LOCAL)

    def alias(self, name: str) -> str | None:
        """Return the name: accounts here have one each."""
        return name

    async def add(
        self,
        name: str,
        password: Secret,
        *,
        groups: frozenset[str],
        role: Role,
        display_name: str,
        actor: str,
    ) -> User:
        """Create an account.

        Raises:
            NotPossible: the name is taken or cannot be one, or the password is too weak.
        """
        canonical = _checked_name(name)
        wanted = frozenset(group.strip() for group in groups if group.strip())
        if len(wanted) > MAX_GROUPS or any(len(group.encode()) > MAX_NAME_BYTES for group in wanted):
            raise NotPossible("An account can be in 256 groups at most, with names of up to 255 bytes.")
        hashed = await self._new_hash(canonical, password)
        now = self._clock.now()
        user_id = UserId(new_token())
        row = UserRow(user_id, canonical, hashed, wanted, role, False, 0, now, display_name.strip())

        def work(connection: Connection) -> None:
            make_way(connection, canonical)
            try:
                people.insert_user(connection, row)
            except IntegrityError:
                raise NotPossible(f'There is an account named "{canonical}" already.') from None
            audit.append(
                connection,
                at=now,
                kind="user-added",
                actor=actor,
                user=row.id,
                name=canonical,
                role=role.value,
                groups=sorted(wanted),
            )

        await self._database.write(work)
        return _user_of(row)

    async def set_password(self, name: str, password: Secret, *, actor: str) -> UserRow:
        """Give an account a new password; its sessions end. Returns the account as it is now."""
        canonical = _checked_name(name)
        hashed = await self._new_hash(canonical, password)

        def work(connection: Connection) -> UserRow:
            row = _existing(connection, canonical)
            if row.provider != LOCAL:
                raise NotPossible(f'The password of "{canonical}" is kept by the directory "{row.provider}".')
            people.set_password_hash(connection, row.id, hashed)
            return self._changed(connection, row, "user-password-changed", actor)

        return await self._database.write(work)

    async def set_disabled(self, name: str, *, disabled: bool, actor: str) -> UserRow:
        """Close or open an account; its sessions end. Returns the account as it is now."""
        canonical = canonical_name(name)

        def work(connection: Connection) -> UserRow:
            row = _existing(connection, canonical)
            people.set_disabled(connection, row.id, disabled=disabled)
            return self._changed(connection, row, "user-disabled" if disabled else "user-enabled", actor)

        return await self._database.write(work)

    async def all(self) -> list[User]:
        """Return all accounts by name."""
        return [_user_of(row) for row in await self._database.read(people.list_users)]

    def _changed(self, connection: Connection, row: UserRow, kind: str, actor: str) -> UserRow:
        people.delete_sessions_of(connection, row.id)
        audit.append(connection, at=self._clock.now(), kind=kind, actor=actor, user=row.id)
        return _existing(connection, row.name)

    async def _new_hash(self, name: str, password: Secret) -> str:
        typed = password.reveal()
        if not self._hasher.acceptable(password):
            raise NotPossible("A password must be text of 8 characters to 1,024 bytes.")
        if len(unicodedata.normalize("NFC", typed)) < MIN_PASSWORD_CHARACTERS:
            raise NotPossible("A password must have at least 8 characters.")
        if canonical_name(typed) == name:
            raise NotPossible("A password must not be the user name.")
        return await self._hasher.hash(password)

    async def _rehash(self, row: UserRow, password: Secret) -> None:
        try:
            hashed = await self._hasher.hash(password)
        except Busy:
            # The next sign-in will do; this one was right.
            return
        await self._database.write(
            lambda connection: people.replace_hash(connection, row.id, row.password_hash, hashed)
        )


def _existing(connection: Connection, name: str) -> UserRow:
    row = people.user_by_name(connection, name)
    if row is None:
        raise NotFound(f'There is no account named "{name}".')
    return row


def _checked_name(name: str) -> str:
    """Return the canonical name, if it can be typed into every client.

    RFC 7617 2: a colon ends the user name in Basic credentials, control characters are not allowed.
    """
    canonical = canonical_name(name)
    readable = all(character.isprintable() for character in canonical) and ":" not in canonical
    if not canonical or not readable or len(name.encode("utf-8", "replace")) > MAX_NAME_BYTES:
        raise NotPossible("A user name is 1 to 255 bytes of readable text without a colon.")
    return canonical


def _user_of(row: UserRow) -> User:
    return User(
        row.id,
        row.name,
        row.groups,
        row.role,
        row.disabled,
        row.created_at,
        row.display_name,
        row.provider,
    )
