"""What a source of accounts must be able to do; the order of the configuration asks one after the other."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from spoold.database.people import UserRow
from spoold.identity.secret import Secret
from spoold.model.ids import UserId
from spoold.model.principal import Method, Principal, Role

# The provider of spoold's own accounts, in the configuration's order and in the records.
LOCAL = "local"


@dataclass(frozen=True, slots=True)
class Account:
    """An account as its provider knows it.

    Args:
        id: immutable; never given to anybody else, not even after the account is gone.
        name: canonical name.
        epoch: grows with every change that must end sessions and forget proofs; 0 for people of a
            directory until `spoold.identity.people_of_directories.settle` has looked at their row.
        provider: the provider's name in the configuration's order.
        unique: the provider gives the name to one account at a time, and nobody chooses his own.
        vouched_at: when somebody who cannot be asked again said that this person is there.
    """

    id: UserId
    name: str
    groups: frozenset[str]
    role: Role
    epoch: int
    display_name: str = field(default="", repr=False)
    provider: str = LOCAL
    unique: bool = False
    vouched_at: datetime | None = None

    def principal(self, method: Method, proven_at: datetime) -> Principal:
        """Return this person, proven in this way at that moment."""
        return Principal(
            id=self.id,
            name=self.name,
            groups=self.groups,
            role=self.role,
            method=method,
            proven_at=proven_at,
            display_name=self.display_name,
            provider=self.provider,
        )


@dataclass(frozen=True, slots=True)
class Accepted:
    """The password is this account's, or the account is there and open where none was asked for."""

    account: Account


@dataclass(frozen=True, slots=True)
class Rejected:
    """The name is this provider's, and the answer is no; no other provider is asked."""

    account_id: UserId
    why: str


@dataclass(frozen=True, slots=True)
class NotHere:
    """This provider does not know the name; the next one is asked."""


Finding = Accepted | Rejected | NotHere


def account_of(row: UserRow) -> Account:
    """Return the account that a row tells of, open or closed."""
    return Account(
        row.id,
        row.name,
        row.groups,
        row.role,
        row.epoch,
        row.display_name,
        row.provider,
        vouched_at=row.vouched_at,
    )


def finding_of(row: UserRow | None, provider: str) -> Finding:
    """Return what a provider says of an account of which its row says all there is.

    Args:
        row: the row that was found; another provider's is not here.
    """
    if row is None or row.provider != provider:
        return NotHere()
    return Rejected(row.id, "disabled") if row.disabled else Accepted(account_of(row))


class Authenticator(Protocol):
    """A source of accounts.

    Rules, held by tests/support/authenticator_conformance.py: an empty password is never accepted; a
    wrong password and an unknown name take the same work; nothing is accepted while the source cannot
    be asked; the canonical name of an accepted account is the name that was asked for, without the
    domain that people may write before or behind it.
    """

    @property
    def name(self) -> str:
        """The provider's name in the configuration's order."""
        ...

    async def check(self, name: str, password: Secret) -> Finding:
        """Check a password.

        Args:
            name: canonical, UTF-8 encodable, 255 bytes at most; empty for what cannot be a name.

        Raises:
            Unavailable: the source cannot be asked; nobody may be let in on a guess.
            Busy: too many checks are waiting.
        """
        ...

    async def find(self, name: str) -> Finding:
        """Look an account up by its name, without a password; arguments and errors as for `check`."""
        ...

    async def again(self, account_id: UserId) -> Finding:
        """Look an account up by its id, as it is at this moment: nothing that was remembered is used.

        Raises:
            Unavailable: the source cannot be asked.
        """
        ...

    def alias(self, name: str) -> str | None:
        """Return the account's name in a typed one ("ana" in "SCHOOL\\ana"), None if it is not for us.

        Nothing is asked: failed sign-ins of all forms of a name are counted under one.
        """
        ...
