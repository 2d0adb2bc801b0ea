"""Accounts that nobody signed in to: found as they are now, and never once they are closed."""

import pytest

from spoold.database.engine import Database
from spoold.identity.accounts import Accounts
from spoold.model.ids import UserId
from spoold.model.principal import Method, Role
from tests.support.clock import FakeClock
from tests.support.identities import PASSWORD, IdentityKit


@pytest.fixture
def accounts(database: Database) -> Accounts:
    return Accounts(database, FakeClock())


async def test_a_sender_known_by_address_is_an_account_and_the_method_says_so(
    kit: IdentityKit, accounts: Accounts
) -> None:
    user = await kit.identity.add_user("Billing", PASSWORD, groups=["machines"], role=Role.USER)
    found = await accounts.at_address("BILLING")
    assert found is not None
    assert (found.id, found.name, found.groups) == (user.id, "billing", frozenset({"machines"}))
    assert found.method is Method.ADDRESS


async def test_a_closed_or_unknown_account_is_nobody(kit: IdentityKit, accounts: Accounts) -> None:
    user = await kit.identity.add_user("billing", PASSWORD)
    await kit.identity.disable_user("billing")
    assert await accounts.at_address("billing") is None
    assert await accounts.of(user.id) is None
    assert await accounts.at_address("nobody-here") is None
    assert await accounts.of(UserId("nobody")) is None
