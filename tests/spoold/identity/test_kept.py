"""People of an OpenID provider without a directory: known for a term after it vouched for them, no longer."""

from dataclasses import dataclass
from datetime import timedelta

import pytest

from spoold.database import people
from spoold.database.engine import Database
from spoold.identity.kept import TERM_OVER, KeptPeople, SignInAgain, Term
from spoold.identity.print_uris import PrintUris
from spoold.identity.provider import Accepted, Account, Rejected
from spoold.identity.secret import Secret
from spoold.identity.tokens import Call, Tokens
from spoold.model.ids import UserId
from spoold.model.principal import Method, Principal, Role
from spoold.model.scopes import Scope
from tests.spoold.identity.test_badges import BADGE, PIN, make_badges
from tests.support.identities import PASSWORD, IdentityKit, make_identity

HERE = "10.20.1.1"
KNOWN_FOR = timedelta(days=30)
READ = Call(Scope.JOBS_READ, "read-job", HERE)
ANA = Account(UserId("oidc:1"), "ana", frozenset({"staff"}), Role.USER, 0, "Ana", "oidc")


@dataclass
class House:
    """An identity with people of an OpenID provider, and what stands for them when they are away."""

    kit: IdentityKit
    kept: KeptPeople
    tokens: Tokens
    uris: PrintUris

    async def sign_in(self) -> Principal:
        """Come back from the provider."""
        account = Account(
            ANA.id, ANA.name, ANA.groups, ANA.role, 0, ANA.display_name, "oidc",
            vouched_at=self.kit.clock.now(),
        )  # fmt: skip
        return await self.kit.identity.admit(account, method=Method.OIDC, peer=HERE)

    def wait(self, time: timedelta) -> None:
        self.kit.clock.advance(time.total_seconds())


@pytest.fixture
def house(database: Database) -> House:
    kit = make_identity(database)
    term = Term("oidc", KNOWN_FOR, kit.clock)
    kept = KeptPeople("oidc", database, term)
    kit.identity.providers.order = (kit.users, kept)
    tokens = Tokens(database, kit.clock, kit.guesses, presences=kit.identity.presences, term=term)
    uris = PrintUris(
        database, kit.clock, kit.metrics, kit.throttle,
        queues=lambda: frozenset({"open"}), authority=lambda: "print.example.org:631",
        confirm=kit.identity.confirmed,
    )  # fmt: skip
    return House(kit, kept, tokens, uris)


async def test_the_last_sign_in_is_what_counts(house: House) -> None:
    await house.sign_in()
    house.wait(KNOWN_FOR - timedelta(seconds=1))
    assert isinstance(await house.kept.again(ANA.id), Accepted)
    house.wait(timedelta(seconds=1))
    assert await house.kept.again(ANA.id) == Rejected(ANA.id, TERM_OVER)
    await house.sign_in()
    assert isinstance(await house.kept.again(ANA.id), Accepted)


async def test_everything_that_stands_for_somebody_ends_with_the_term(house: House) -> None:
    ana, identity = await house.sign_in(), house.kit.identity
    made = await house.tokens.issue(
        ana.id, label="Desk", scopes=["jobs:read"], networks=["10.20.0.0/16"], life=timedelta(days=90),
        actor=ana.id,
    )  # fmt: skip
    _, address = await house.uris.add(ana, "open", "laptop", peer=HERE)
    badges = make_badges(house.kit)
    await badges.set_pin(ana, PIN)
    await badges.enrol(ana, Secret(BADGE), Secret(BADGE), "Card")

    async def all_of_it() -> None:
        await house.tokens.principal_of(made.token, READ)
        await house.uris.open(address, "open", peer=HERE, submits=True)
        await badges.prove(Secret(BADGE), PIN, station="lobby", peer=HERE)
        await identity.confirmed(ana)
        assert await identity.owner_now(ana.id) is not None

    house.wait(KNOWN_FOR - timedelta(minutes=1))
    await all_of_it()
    house.wait(timedelta(minutes=1))
    for refused in (
        house.tokens.principal_of(made.token, READ),
        house.uris.open(address, "open", peer=HERE, submits=True),
        badges.prove(Secret(BADGE), PIN, station="lobby", peer=HERE),
        # A passkey signs in by this; a release asks by the other.
        identity.account_of(ana.id),
        identity.confirmed(ana),
    ):
        with pytest.raises(SignInAgain, match="Sign in at the portal again"):
            await refused
    assert await identity.owner_now(ana.id) is None, "whoever asks for somebody else has nothing to sign in"
    assert [one["why"] for one in await house.kit.audit() if one["kind"] == "token-refused"] == [TERM_OVER]
    await house.sign_in()
    await all_of_it()


async def test_a_session_ends_with_what_it_was_begun_on(house: House) -> None:
    ana = await house.sign_in()
    house.wait(KNOWN_FOR - timedelta(hours=1))
    token = await house.kit.identity.open_session(ana)
    house.wait(timedelta(minutes=5))
    assert await house.kit.identity.principal_of(token) is not None
    await house.kit.database.write(
        lambda connection: people.update_person(
            connection, ana.id, name="ana", groups=ANA.groups, role=Role.USER, display_name="Ana",
            vouched_at=house.kit.clock.now() - KNOWN_FOR,
        )
    )  # fmt: skip
    with pytest.raises(SignInAgain):
        await house.kit.identity.confirmed(ana)
    assert await house.kit.identity.principal_of(token) is None


async def test_a_passkey_or_a_badge_does_not_vouch(house: House) -> None:
    await house.sign_in()
    vouched_at = house.kit.clock.now()
    house.wait(timedelta(days=20))
    account = await house.kit.identity.account_of(ANA.id)
    assert account is not None
    await house.kit.identity.admit(account, method=Method.PASSKEY, peer=HERE)
    row = await house.kit.database.read(lambda connection: people.user_by_id(connection, ANA.id))
    assert row is not None
    assert row.vouched_at == vouched_at


async def test_whom_nobody_ever_vouched_for_is_not_known(house: House) -> None:
    await house.sign_in()
    await house.kit.database.write(
        lambda connection: people.update_person(
            connection, ANA.id, name="ana", groups=ANA.groups, role=Role.USER, display_name="Ana"
        )
    )
    assert await house.kept.again(ANA.id) == Rejected(ANA.id, TERM_OVER)


async def test_people_who_can_be_asked_about_have_no_term(house: House) -> None:
    user = await house.kit.identity.add_user("alice", PASSWORD)
    house.wait(KNOWN_FOR * 10)
    made = await house.tokens.issue(
        user.id, label="Desk", scopes=["jobs:read"], networks=["10.20.0.0/16"], life=timedelta(days=90),
        actor=user.id,
    )  # fmt: skip
    assert (await house.tokens.principal_of(made.token, READ)).id == user.id
    assert await house.kit.identity.account_of(user.id) is not None
