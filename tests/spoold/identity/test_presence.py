"""Whether people still have their accounts: asked every few minutes, by many at once, of what may fail."""

from dataclasses import dataclass, field

import pytest
import trio

from spoold.identity.kept import SignInAgain
from spoold.identity.presence import PAUSE_S, THERE_S, Presence, Presences
from spoold.identity.providers import ProviderGone, Providers
from spoold.model.errors import Busy, NotAuthorized, Unavailable
from spoold.model.ids import UserId
from spoold.model.principal import Method, Principal, Role
from tests.support.clock import FakeClock


@dataclass
class Directory:
    """Says of everybody the same."""

    says: Exception | None = None
    asked: list[str] = field(default_factory=list)

    async def confirm(self, principal: Principal) -> Principal:
        self.asked.append(principal.id)
        await trio.lowlevel.checkpoint()
        if self.says is not None:
            raise self.says
        return principal


@dataclass
class House:
    clock: FakeClock
    directory: Directory
    presences: Presences

    async def of(self, name: str = "carol", provider: str = "school") -> Presence:
        person = Principal(
            id=UserId(f"id-{name}"), name=name, groups=frozenset(), role=Role.USER, method=Method.TOKEN,
            proven_at=self.clock.now(), provider=provider,
        )  # fmt: skip
        return await self.presences.of(person)


@pytest.fixture(name="house")
def _house() -> House:
    clock, directory = FakeClock(), Directory()
    return House(clock, directory, Presences(clock, directory.confirm))


async def test_a_yes_counts_for_three_minutes(house: House) -> None:
    for _ in range(3):
        assert await house.of() is Presence.THERE
    house.clock.advance(THERE_S - 1)
    assert await house.of() is Presence.THERE
    assert house.directory.asked == ["id-carol"]
    house.directory.says = NotAuthorized("closed")
    house.clock.advance(1)
    assert await house.of() is Presence.GONE


@pytest.mark.parametrize(
    ("said", "known"),
    [
        (NotAuthorized("closed"), Presence.GONE),
        (SignInAgain(), Presence.TERM_OVER),
        (ProviderGone("not configured"), Presence.GONE),
        (Unavailable("down"), Presence.NOT_KNOWN),
        (Busy("too many"), Presence.NOT_KNOWN),
    ],
)
async def test_whatever_else_is_asked_again_soon_and_not_at_each_request(
    house: House, said: Exception, known: Presence
) -> None:
    house.directory.says = said
    for _ in range(20):
        assert await house.of() is known
    assert len(house.directory.asked) == 1
    house.directory.says = None
    house.clock.advance(PAUSE_S)
    assert await house.of() is Presence.THERE


async def test_a_directory_that_was_taken_out_of_the_configuration_is_not_waited_for(house: House) -> None:
    providers = Providers(())

    async def confirm(principal: Principal) -> Principal:
        await providers.again(principal.id, principal.provider)
        return principal

    house.presences = Presences(house.clock, confirm)
    assert await house.of() is Presence.GONE


async def test_of_many_at_once_one_asks(house: House) -> None:
    async with trio.open_nursery() as nursery:
        for _ in range(20):
            nursery.start_soon(house.of)
        nursery.start_soon(house.of, "dora")
    assert sorted(house.directory.asked) == ["id-carol", "id-dora"]


async def test_nobody_is_asked_about_people_of_our_own(house: House) -> None:
    house.directory.says = NotAuthorized("closed")
    assert await house.of(provider="local") is Presence.THERE
    assert house.directory.asked == []


async def test_as_many_are_remembered_as_there_is_room_for(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(house.presences._answers, "_most", 2)
    for name in ("carol", "dora", "ernst", "carol", "ernst"):
        await house.of(name)
    assert house.directory.asked == ["id-carol", "id-dora", "id-ernst", "id-carol"]
