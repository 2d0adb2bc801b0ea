"""spoold's own accounts: the provider's rules, names, passwords, and the work a refusal takes."""

import pytest

from spoold.database import people
from spoold.database.engine import Database
from spoold.identity.local import LocalUsers
from spoold.identity.passwords import PasswordHasher
from spoold.identity.provider import Accepted
from spoold.identity.secret import Secret
from spoold.model.errors import NotFound, NotPossible
from spoold.model.principal import Role
from tests.support.authenticator_conformance import AuthenticatorConformance
from tests.support.identities import CHEAP, PASSWORD, IdentityKit


class TestLocalUsersConform(AuthenticatorConformance):
    @pytest.fixture
    async def provider(self, kit: IdentityKit) -> LocalUsers:
        await kit.identity.add_user("alice", PASSWORD)
        await kit.identity.add_user("mallory", PASSWORD)
        await kit.identity.disable_user("mallory")
        return kit.users


async def test_names_are_one_whatever_their_form(kit: IdentityKit) -> None:
    user = await kit.identity.add_user("  \uff21lice M\u00fcller ", PASSWORD, groups=["pupils", " ", "7b "])
    assert user.name == "alice m\u00fcller"
    assert user.groups == {"pupils", "7b"}
    with pytest.raises(NotPossible, match="already"):
        await kit.identity.add_user("ALICE MU\u0308LLER", PASSWORD)


@pytest.mark.parametrize("name", ["", "  ", "a:b", "a\nb", "a\0b", "x" * 256, "\u202ealice", "\u00e9" * 128])
async def test_names_that_cannot_be(kit: IdentityKit, name: str) -> None:
    with pytest.raises(NotPossible):
        await kit.identity.add_user(name, PASSWORD)
    assert await kit.identity.list_users() == []


@pytest.mark.parametrize("password", ["", "seven77", "x" * 1025, "\ud800aaaaaaaa", "Alice-Example"])
async def test_passwords_that_cannot_be(kit: IdentityKit, password: str) -> None:
    with pytest.raises(NotPossible):
        await kit.identity.add_user("alice-example", password)


async def test_the_account_list_shows_no_hash(kit: IdentityKit) -> None:
    await kit.identity.add_user("bob", PASSWORD, role=Role.ADMINISTRATOR, display_name="Bob B.")
    await kit.identity.add_user("alice", PASSWORD)
    users = await kit.identity.list_users()
    assert [(user.name, user.role) for user in users] == [("alice", Role.USER), ("bob", Role.ADMINISTRATOR)]
    assert "$2b$" not in repr(users)
    assert "Bob B." not in repr(users)


async def test_refusals_take_the_same_work(kit: IdentityKit) -> None:
    await kit.identity.add_user("alice", PASSWORD)
    await kit.identity.add_user("closed", PASSWORD)
    await kit.identity.disable_user("closed")
    for name in ("alice", "closed", "nobody"):
        before = kit.hasher.computed
        await kit.users.check(name, Secret("wrong password"))
        assert kit.hasher.computed == before + 1, name


async def test_a_hash_of_another_cost_is_replaced(kit: IdentityKit, database: Database) -> None:
    await kit.identity.add_user("alice", PASSWORD)
    dearer = LocalUsers(database, kit.clock, PasswordHasher(cost=CHEAP + 1))
    assert isinstance(await dearer.check("alice", Secret(PASSWORD)), Accepted)
    row = await database.read(lambda c: people.user_by_name(c, "alice"))
    assert row is not None
    assert row.password_hash.startswith(f"$2b${CHEAP + 1:02d}$")
    assert row.epoch == 0
    assert isinstance(await dearer.check("alice", Secret(PASSWORD)), Accepted)


async def test_who_is_not_there_cannot_be_changed(kit: IdentityKit) -> None:
    with pytest.raises(NotFound):
        await kit.identity.set_password("nobody", PASSWORD)
    with pytest.raises(NotFound):
        await kit.identity.disable_user("nobody")


async def test_changes_are_recorded_with_their_actor(kit: IdentityKit) -> None:
    user = await kit.identity.add_user("alice", PASSWORD, actor="root")
    await kit.identity.set_password("alice", "battery staple", actor="root")
    await kit.identity.disable_user("alice", actor="root")
    await kit.identity.enable_user("alice", actor="root")
    entries = await kit.audit()
    assert [(entry["kind"], entry["actor"], entry["user"]) for entry in entries] == [
        ("user-added", "root", user.id),
        ("user-password-changed", "root", user.id),
        ("user-disabled", "root", user.id),
        ("user-enabled", "root", user.id),
    ]
