"""Whoever loses an office loses its pages with it, and keeps what is theirs."""

from dataclasses import replace

import pytest
import trio
from sqlalchemy import update

from spoold.database import people
from spoold.database.engine import Database
from spoold.database.schema import users
from spoold.identity.offices import OFFICE_S, PAUSE_S
from spoold.identity.provider import Accepted, Account, Finding, NotHere, Rejected
from spoold.identity.secret import Secret
from spoold.model.errors import Busy, Unavailable
from spoold.model.ids import UserId
from spoold.model.principal import Principal, Role
from tests.support.identities import PASSWORD, IdentityKit, make_identity

HERE = "10.20.1.1"


class School:
    """A directory with one administrator, who may lose the office, leave, or not be asked about."""

    name = "school"

    def __init__(self) -> None:
        self.account: Account | None = Account(
            UserId("ldap:school:carol"),
            "carol",
            frozenset({"admins"}),
            Role.ADMINISTRATOR,
            epoch=0,
            provider="school",
            unique=True,
        )
        self.closed = False
        self.trouble: Exception | None = None
        self.asked = 0

    def gives(self, role: Role) -> None:
        assert self.account is not None
        self.account = replace(self.account, role=role)

    async def check(self, name: str, _password: Secret) -> Finding:
        return await self.find(name)

    async def find(self, name: str) -> Finding:
        await trio.lowlevel.checkpoint()
        return Accepted(self.account) if self.account is not None and name == "carol" else NotHere()

    async def again(self, account_id: UserId) -> Finding:
        self.asked += 1
        await trio.lowlevel.checkpoint()
        if self.trouble is not None:
            raise self.trouble
        if self.account is None:
            return NotHere()
        return Rejected(account_id, "disabled") if self.closed else Accepted(self.account)

    def alias(self, _name: str) -> str | None:
        return None


@pytest.fixture
def school() -> School:
    return School()


@pytest.fixture
def kit(database: Database, school: School) -> IdentityKit:
    made = make_identity(database)
    made.identity.providers.order = (made.users, school)
    return made


async def signed_in(kit: IdentityKit, name: str = "carol") -> str:
    token, _ = await kit.identity.sign_in(name, PASSWORD, peer=HERE)
    return token


async def seen(kit: IdentityKit, token: str) -> Principal:
    found = await kit.identity.principal_of(token)
    assert found is not None
    return found


async def test_an_office_that_ended_in_the_directory_ends_within_minutes(
    kit: IdentityKit, school: School
) -> None:
    token = await signed_in(kit)
    assert (await seen(kit, token)).role is Role.ADMINISTRATOR
    school.gives(Role.OPERATOR)
    kit.clock.advance(OFFICE_S - 1)
    assert (await seen(kit, token)).role is Role.ADMINISTRATOR
    kit.clock.advance(1)
    assert (await seen(kit, token)).role is Role.OPERATOR
    school.gives(Role.USER)
    kit.clock.advance(OFFICE_S)
    assert (await seen(kit, token)).role is Role.USER
    row = await kit.database.read(lambda c: people.user_by_id(c, UserId("ldap:school:carol")))
    assert row is not None
    assert row.role is Role.USER
    assert (await kit.kinds())[-1] == "user-changed-in-directory"


async def test_the_directory_is_asked_once_in_a_while_and_about_offices_only(
    kit: IdentityKit, school: School
) -> None:
    token = await signed_in(kit)
    for _ in range(5):
        await seen(kit, token)
    assert school.asked == 1
    async with trio.open_nursery() as nursery:
        kit.clock.advance(OFFICE_S)
        for _ in range(5):
            nursery.start_soon(seen, kit, token)
    assert school.asked == 2
    school.gives(Role.USER)
    ordinary = await signed_in(kit)
    kit.clock.advance(OFFICE_S)
    for _ in range(5):
        assert (await seen(kit, ordinary)).role is Role.USER
    assert school.asked == 2


async def test_a_wall_clock_set_back_asks_no_more_often(kit: IdentityKit, school: School) -> None:
    token = await signed_in(kit)
    kit.clock.step_wall(-60)
    for _ in range(5):
        await seen(kit, token)
    assert school.asked == 1


@pytest.mark.parametrize("trouble", [Unavailable("The directory is down."), Busy("Too many questions.")])
async def test_while_nobody_can_be_asked_there_is_no_office_and_the_rest_goes_on(
    trouble: Exception, kit: IdentityKit, school: School
) -> None:
    token = await signed_in(kit)
    school.trouble = trouble
    found = await seen(kit, token)
    assert (found.role, found.name) == (Role.USER, "carol")
    school.trouble = None
    await seen(kit, token)
    assert school.asked == 1, "a directory that is down is not asked for every page"
    kit.clock.advance(PAUSE_S)
    assert (await seen(kit, token)).role is Role.ADMINISTRATOR


async def test_a_new_sign_in_has_its_office_at_once(kit: IdentityKit, school: School) -> None:
    school.trouble = Unavailable("The directory is down.")
    assert (await seen(kit, await signed_in(kit))).role is Role.USER
    school.trouble = None
    kit.clock.advance(1)
    assert (await seen(kit, await signed_in(kit))).role is Role.ADMINISTRATOR


@pytest.mark.parametrize("how", ["closed", "gone"])
async def test_who_holds_an_office_and_is_gone_is_signed_out(
    how: str, kit: IdentityKit, school: School
) -> None:
    token, other = await signed_in(kit), await signed_in(kit)
    await seen(kit, token)
    if how == "closed":
        school.closed = True
    else:
        school.account = None
    kit.clock.advance(OFFICE_S)
    assert await kit.identity.principal_of(token) is None
    assert await kit.identity.principal_of(other) is None
    assert (await kit.kinds())[-1] == "sessions-ended"


async def test_an_office_is_never_given_by_asking(kit: IdentityKit, school: School) -> None:
    school.gives(Role.OPERATOR)
    token = await signed_in(kit)
    school.gives(Role.ADMINISTRATOR)
    assert (await seen(kit, token)).role is Role.OPERATOR


async def test_a_local_account_s_role_is_the_one_of_its_row(kit: IdentityKit) -> None:
    user = await kit.identity.add_user("ada", PASSWORD, role=Role.ADMINISTRATOR)
    token = await signed_in(kit, "ada")
    assert (await seen(kit, token)).role is Role.ADMINISTRATOR

    await kit.database.write(
        lambda c: c.execute(update(users).where(users.c.id == user.id).values(role=Role.USER.value))
    )
    assert (await seen(kit, token)).role is Role.USER
