"""Badges and PINs: the same work and words for all that is wrong, counted over restarts, under a new key."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from ipaddress import ip_network

import pytest
from sqlalchemy import Connection

from holdstore.keyring import Keyring
from policy.engine import compile_rules
from policy.setting import Setting
from spoold.identity.badges import MAX_BADGES_EACH, Badges, WrongBadge
from spoold.identity.guesses import Guesses
from spoold.identity.provider import Account
from spoold.identity.secret import Secret
from spoold.keys.tags import Tags
from spoold.model.badge import BadgeFormat, BadgeRules
from spoold.model.errors import NotPossible, TooManyAttempts
from spoold.model.principal import Method, Principal
from spoold.model.site import Site
from spoold.model.station import Station
from tests.support.identities import PASSWORD, IdentityKit

KEY, NEW_KEY = bytes(range(32)), bytes(reversed(range(32)))
BADGE, PIN, AT = "0012345678", "482915", "10.20.30.40"
SITE = Site(
    name="print.example.org",
    queues={},
    printers={},
    policy=compile_rules((), Setting(), "UTC"),
    mask_names=False,
    max_document_bytes=1,
    forget_after=timedelta(days=7),
    badges=BadgeRules(BadgeFormat(frozenset({10}))),
    stations={"lobby": Station("lobby", "lobby", (ip_network("10.20.30.0/24"),))},
)


@dataclass
class Office:
    """Badges over a real identity, and alice who has one."""

    kit: IdentityKit
    badges: Badges
    alice: Principal

    async def prove(self, number: str = BADGE, pin: str = PIN, station: str = "lobby") -> Account:
        return await self.badges.prove(Secret(number), pin, station=station, peer=AT)


def make_badges(
    kit: IdentityKit,
    *,
    key: bytes = KEY,
    older: Sequence[bytes] = (),
    site: Site = SITE,
    guesses: Guesses | None = None,
) -> Badges:
    """Badges as a start of the daemon makes them."""
    return Badges(
        database=kit.database,
        clock=kit.clock,
        site=lambda: site,
        identity=kit.identity,
        guesses=guesses or Guesses(kit.database, kit.clock, kit.throttle),
        hasher=kit.hasher,
        tags=Tags(Keyring.from_bytes(key, older=older).derive),
    )


@pytest.fixture
async def office(kit: IdentityKit) -> Office:
    user = await kit.identity.add_user("alice", PASSWORD)
    account = await kit.identity.account_of(user.id)
    assert account is not None
    alice = account.principal(Method.PASSWORD, kit.clock.now())
    badges = make_badges(kit)
    await badges.set_pin(alice, PIN)
    await badges.enrol(alice, Secret(BADGE), Secret(BADGE), "Card")
    return Office(kit, badges, alice)


async def test_a_badge_and_its_pin_are_their_owner(office: Office) -> None:
    account = await office.prove()
    assert account.id == office.alice.id
    (badge,) = await office.badges.of(office.alice.id)
    assert badge.used_at == office.kit.clock.now()
    assert BADGE not in repr(badge)


@pytest.mark.parametrize(
    ("number", "pin"), [(BADGE, "482916"), ("9999999999", PIN), (BADGE, ""), (BADGE, "x" * 64)]
)
async def test_whatever_is_wrong_takes_the_same_work_and_hears_the_same(
    office: Office, number: str, pin: str
) -> None:
    before = office.kit.hasher.computed
    with pytest.raises(WrongBadge, match="do not go together"):
        await office.prove(number, pin)
    assert office.kit.hasher.computed - before == 1
    entry = (await office.kit.audit())[-1]
    assert (entry["kind"], entry["station"], entry["actor"]) == ("badge-rejected", "lobby", f"unproven:{AT}")
    assert entry.get("user") == (office.alice.id if number == BADGE else None)


async def test_five_wrong_pins_count_at_every_station_and_over_a_restart(office: Office) -> None:
    for place in range(5):
        with pytest.raises(WrongBadge):
            await office.prove(pin="482916", station=f"station-{place}")
    restarted = make_badges(office.kit)
    before = office.kit.hasher.computed
    with pytest.raises(TooManyAttempts):
        await restarted.prove(Secret(BADGE), PIN, station="lobby", peer=AT)
    assert office.kit.hasher.computed == before


async def test_a_new_pin_forgives_the_wrong_tries_of_the_old_one(office: Office) -> None:
    for _ in range(4):
        with pytest.raises(WrongBadge):
            await office.prove(pin="482916")
    await office.badges.set_pin(office.alice, "739104")
    with pytest.raises(WrongBadge):
        await office.prove(pin=PIN)
    office.kit.clock.advance(901)
    assert (await office.prove(pin="739104")).id == office.alice.id


@pytest.mark.parametrize(
    ("method", "forgives"),
    [
        (Method.OIDC, True),
        (Method.KERBEROS, True),
        (Method.PASSKEY, True),
        (Method.PASSWORD, True),
        (Method.BADGE, False),
    ],
)
async def test_a_session_begun_by_a_full_sign_in_forgives_wrong_pins(
    office: Office, method: Method, *, forgives: bool
) -> None:
    badges, identity = make_badges(office.kit, guesses=office.kit.guesses), office.kit.identity
    for _ in range(2):
        for _ in range(5):
            with pytest.raises(WrongBadge):
                await badges.prove(Secret(BADGE), "482916", station="lobby", peer=AT)
        office.kit.clock.advance(901)
    account = await identity.account_of(office.alice.id)
    assert account is not None
    # Proven for one request, as by a client that prints: nothing is forgiven yet.
    principal = await identity.admit(account, method=method, peer=AT)
    with pytest.raises(TooManyAttempts, match="Sign in to the portal"):
        await badges.prove(Secret(BADGE), PIN, station="lobby", peer=AT)
    await identity.open_session(principal)
    if forgives:
        assert (await badges.prove(Secret(BADGE), PIN, station="lobby", peer=AT)).id == office.alice.id
    else:
        with pytest.raises(TooManyAttempts):
            await badges.prove(Secret(BADGE), PIN, station="lobby", peer=AT)


async def test_what_is_forgiven_is_found_under_an_older_store_key(office: Office) -> None:
    rotated = make_badges(office.kit, key=NEW_KEY, older=[KEY], guesses=office.kit.guesses)
    for _ in range(5):
        with pytest.raises(WrongBadge):
            await rotated.prove(Secret(BADGE), "482916", station="lobby", peer=AT)
    await office.kit.identity.sign_in("alice", PASSWORD, peer=AT)
    assert (await rotated.prove(Secret(BADGE), PIN, station="lobby", peer=AT)).id == office.alice.id


async def test_one_station_is_shut_to_many_badges_and_the_next_is_not(office: Office) -> None:
    for number in range(20):
        with pytest.raises(WrongBadge):
            await office.prove(f"{number:010}", PIN)
    with pytest.raises(TooManyAttempts):
        await office.prove()
    assert (await office.prove(station="attic")).id == office.alice.id


async def test_a_new_store_key_keeps_badges_and_gives_them_new_tags(office: Office) -> None:
    rotated = make_badges(office.kit, key=NEW_KEY, older=[KEY])
    await rotated.prove(Secret(BADGE), PIN, station="lobby", peer=AT)
    with pytest.raises(NotPossible, match="already"):
        await rotated.enrol(office.alice, Secret(BADGE), Secret(BADGE), "again")
    # The badge goes under the new key alone from now on; a PIN set now does as well.
    await rotated.set_pin(office.alice, PIN)
    later = make_badges(office.kit, key=NEW_KEY)
    assert (await later.prove(Secret(BADGE), PIN, station="lobby", peer=AT)).id == office.alice.id
    with pytest.raises(WrongBadge):
        await make_badges(office.kit).prove(Secret(BADGE), PIN, station="lobby", peer=AT)


async def test_a_pin_is_of_one_person(office: Office) -> None:
    bob = await office.kit.identity.add_user("bob", PASSWORD)
    await office.badges.set_pin(replace(office.alice, id=bob.id), PIN)
    rows = await office.kit.database.read(
        lambda c: [row[0] for row in c.exec_driver_sql("SELECT pin_hash FROM station_pins")]
    )
    assert len(set(rows)) == 2

    def swap(connection: Connection) -> None:
        statement = "UPDATE station_pins SET pin_hash = ? WHERE pin_hash = ?"
        for new, old in (("moving", rows[0]), (rows[0], rows[1]), (rows[1], "moving")):
            connection.exec_driver_sql(statement, (new, old))

    await office.kit.database.write(swap)
    # Swapped in the database, neither opens anything.
    with pytest.raises(WrongBadge):
        await office.prove()


async def test_there_are_so_many_badges_and_no_more(office: Office) -> None:
    for number in range(MAX_BADGES_EACH - 1):
        read = Secret(f"{number:010}")
        await office.badges.enrol(office.alice, read, read, "")
    with pytest.raises(NotPossible, match="at most"):
        await office.badges.enrol(office.alice, Secret("5555555555"), Secret("5555555555"), "")


async def test_a_site_without_badges_says_so(office: Office) -> None:
    badges = make_badges(office.kit, site=replace(SITE, badges=None))
    with pytest.raises(NotPossible, match="not used here"):
        badges.typed(BADGE)
