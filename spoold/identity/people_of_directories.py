"""Rows of people whom a directory knows: made at the first sign-in, so that others can refer to them."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection

from spoold.database import people
from spoold.database.people import UserRow
from spoold.identity.provider import LOCAL, Account


def qualified(name: str, provider: str) -> str:
    """Return what a person is called whose name belongs to somebody else's account."""
    return f"{name}@{provider}"


def settle(
    connection: Connection, account: Account, now: datetime, order: Sequence[str] = ()
) -> Account | None:
    """Write down an account that was just proven, and return it as the records have it.

    Args:
        order: names of the providers; of two people with one name, the earlier provider's has it bare.

    Returns:
        None when the account is closed here, or has changed since the proof.
    """
    row = people.user_by_id(connection, account.id)
    if account.provider == LOCAL:
        unchanged = row is not None and not row.disabled and row.epoch == account.epoch
        return account if unchanged else None
    if row is None:
        name = _free_name(connection, account, order)
        people.insert_user(
            connection,
            UserRow(
                account.id,
                name,
                "",
                account.groups,
                account.role,
                disabled=False,
                epoch=0,
                created_at=now,
                display_name=account.display_name,
                provider=account.provider,
                vouched_at=account.vouched_at,
            ),
        )
        return replace(account, name=name, epoch=0)
    if row.disabled:
        return None
    name = row.name
    if not _is_name_of(row, account):
        name = _free_name(connection, account, order)
    if (name, account.groups, account.role, account.display_name, account.vouched_at) != (
        row.name,
        row.groups,
        row.role,
        row.display_name,
        row.vouched_at,
    ):
        people.update_person(
            connection,
            row.id,
            name=name,
            groups=account.groups,
            role=account.role,
            display_name=account.display_name,
            vouched_at=account.vouched_at,
        )
    return replace(account, name=name, epoch=row.epoch)


def overlaid(row: UserRow | None, account: Account) -> Account | None:
    """Return an account under the name and with the epoch that its row has; None when it is closed here."""
    if row is None:
        return account
    if row.disabled:
        return None
    return replace(account, name=row.name if _is_name_of(row, account) else account.name, epoch=row.epoch)


def make_way(connection: Connection, name: str) -> None:
    """Free a name for an account of spoold's own: a directory's person of that name gets the longer one."""
    holder = people.user_by_name(connection, name)
    if holder is not None and holder.provider != LOCAL and "@" not in name:
        _move_aside(connection, holder, qualified(name, holder.provider))


def _is_name_of(row: UserRow, account: Account) -> bool:
    """Tell whether a row's name still is this person's: the one of the directory, or that with its name."""
    return row.name in {account.name, qualified(account.name, account.provider)}


def _free_name(connection: Connection, account: Account, order: Sequence[str]) -> str:
    holder = people.user_by_name(connection, account.name)
    if holder is None:
        return account.name
    if holder.provider == account.provider and account.unique:
        # The directory has given the name to somebody else; whoever had it has another one there, or is gone.
        _move_aside(connection, holder, _former(holder))
        return account.name
    longer = qualified(account.name, account.provider)
    if (
        account.unique
        and holder.provider != LOCAL
        and _rank(order, account.provider) < _rank(order, holder.provider)
    ):
        _move_aside(connection, holder, qualified(account.name, holder.provider))
        return account.name
    other = people.user_by_name(connection, longer)
    if other is None:
        return longer
    if other.provider == account.provider and account.unique:
        _move_aside(connection, other, _former(other))
        return longer
    return f"{longer}#{_short(account.id)}"


def _move_aside(connection: Connection, holder: UserRow, name: str) -> None:
    taken = people.user_by_name(connection, name)
    if taken is not None and taken.id != holder.id:
        name = f"{name}#{_short(holder.id)}"
    people.rename_user(connection, holder.id, name)
    people.delete_sessions_of(connection, holder.id)


def _former(holder: UserRow) -> str:
    return f"{holder.name.partition('#')[0]}#{_short(holder.id)}"


def _short(account_id: str) -> str:
    return hashlib.sha256(account_id.encode()).hexdigest()[:8]


def _rank(order: Sequence[str], provider: str) -> int:
    return order.index(provider) if provider in order else len(order)
