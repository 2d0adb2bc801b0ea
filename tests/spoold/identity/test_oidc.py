"""Who comes back from an OpenID provider: whose account that is, how fresh the proof is, and only once."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest

from spoold.database.engine import Database
from spoold.identity.kept import KeptPeople, Term
from spoold.identity.oidc import (
    CANCELLED,
    NO_ACCOUNT,
    NOT_AGAIN,
    NOT_ALLOWED,
    OVER,
    Oidc,
    OidcRules,
    Returned,
)
from spoold.identity.oidc_pending import (
    MAX_PENDING,
    MAX_PER_ADDRESS,
    TERM_S,
    WRONG,
    Identified,
    Pending,
    PendingSignIns,
)
from spoold.identity.provider import Accepted, Account, Finding, NotHere, Rejected
from spoold.identity.providers import Providers
from spoold.identity.secret import Secret
from spoold.model.errors import Busy, NotAuthenticated, Unavailable
from spoold.model.ids import UserId
from spoold.model.principal import Method, Role
from tests.support.identities import PASSWORD, IdentityKit, make_identity

PEER = "10.20.1.9"


@dataclass
class FakeProvider:
    """A provider that vouches for whom the test says."""

    claims: dict[str, Any] = field(default_factory=lambda: {"preferred_username": "ana"})
    subject: str = "ana-1"
    at: datetime | None = None
    issuer: str = "https://sso.example.org"
    down: bool = False
    begun: list[Pending] = field(default_factory=list)

    async def address_for(self, pending: Pending, *, language: str, max_age_s: int) -> str:
        self.begun.append(pending)
        return f"{self.issuer}/auth?state={pending.state}"

    async def identify(self, pending: Pending, code: str, issuer: str | None) -> Identified:
        if self.down:
            raise Unavailable("down")
        return Identified(self.subject, self.at, self.claims)


def make_oidc(kit: IdentityKit, asked: FakeProvider, **changed: Any) -> Oidc:
    rules = {
        "label": "Example ID",
        "name_claim": "preferred_username",
        "display_name_claim": "name",
        "groups_claim": "groups",
        "provider": None,
        "allowed_groups": None,
        **changed,
    }
    return Oidc(
        asked,
        kit.identity,
        OidcRules(**rules),
        database=kit.database,
        clock=kit.clock,
        metrics=kit.metrics,
    )


async def come_back(oidc: Oidc, provider: FakeProvider, *, again: bool = False, browser: str = "b") -> Any:
    await oidc.begin("b", "/printers", peer=PEER, language="en", again=again)
    returned = Returned(provider.begun[-1].state, "code", "", None)
    return await oidc.finish(browser, returned, peer=PEER)


async def refusal(oidc: Oidc, provider: FakeProvider, **options: Any) -> str:
    with pytest.raises(NotAuthenticated) as refused:
        await come_back(oidc, provider, **options)
    # In the log, as in the records.
    assert refused.value.fields["why"]
    return refused.value.public


async def test_somebody_new_gets_an_account_of_their_own(kit: IdentityKit) -> None:
    claims = {"preferred_username": "Ana", "name": "Ana A.", "groups": ["staff", 7, "", "x" * 300]}
    provider = FakeProvider(claims, at=kit.clock.now() - timedelta(seconds=30))
    principal, following = await come_back(make_oidc(kit, provider), provider)
    assert (principal.name, principal.role, principal.method) == ("ana", Role.USER, Method.OIDC)
    assert principal.groups == {"staff"}
    assert principal.provider == "oidc"
    assert following == "/printers"
    # The proof is the sign-in over there, not the way back.
    assert principal.proven_at == kit.clock.now() - timedelta(seconds=30)
    entry = (await kit.audit())[-1]
    assert (entry["kind"], entry["actor"], entry["method"]) == ("sign-in", principal.id, "oidc")


async def test_a_person_is_the_subject_and_the_issuer_not_the_name(kit: IdentityKit) -> None:
    provider = FakeProvider()
    first, _ = await come_back(make_oidc(kit, provider), provider)
    renamed = FakeProvider({"preferred_username": "ana-maria"})
    second, _ = await come_back(make_oidc(kit, renamed), renamed)
    assert second.id == first.id
    other = FakeProvider(subject="ana-2")
    third, _ = await come_back(make_oidc(kit, other), other)
    assert third.id != first.id
    elsewhere = FakeProvider(issuer="https://other.example.org")
    fourth, _ = await come_back(make_oidc(kit, elsewhere), elsewhere)
    assert fourth.id not in {first.id, third.id}


async def test_a_name_of_ours_stays_ours(kit: IdentityKit) -> None:
    local = await kit.identity.add_user("ana", PASSWORD)
    provider = FakeProvider()
    principal, _ = await come_back(make_oidc(kit, provider), provider)
    assert principal.id != local.id
    assert principal.name == "ana@oidc"


@dataclass
class OneDirectory:
    """A directory that knows one name, of somebody who has never signed in here."""

    knows: Finding
    name: str = "school"
    down: bool = False

    async def check(self, name: str, _password: Secret) -> Finding:
        return await self.find(name)

    async def find(self, name: str) -> Finding:
        if self.down:
            raise Unavailable("down")
        return self.knows if name == "ana" else NotHere()

    async def again(self, _account_id: UserId) -> Finding:
        return self.knows

    def alias(self, name: str) -> str | None:
        return name


@pytest.mark.parametrize("closed", [False, True])
async def test_a_name_of_a_directorys_is_theirs_before_they_ever_sign_in(
    database: Database, closed: bool
) -> None:
    """Unclaimed jobs and `user:NAME` in rules go by name: nobody brings the name of another along."""
    known = Account(UserId("ldap:school:1"), "ana", frozenset(), Role.USER, 0, "", "school", unique=True)
    school = OneDirectory(Rejected(known.id, "disabled") if closed else Accepted(known))
    kit = make_identity(database)
    kit.identity.providers = Providers(
        (kit.users, school, KeptPeople("oidc", database, Term("oidc", timedelta(days=30), kit.clock)))
    )
    provider = FakeProvider()
    principal, _ = await come_back(make_oidc(kit, provider), provider)
    assert principal.name == "ana@oidc"
    again, _ = await come_back(make_oidc(kit, provider), provider)
    assert (again.id, again.name) == (principal.id, "ana@oidc")
    ben = FakeProvider({"preferred_username": "ben"}, subject="ben-1")
    assert (await come_back(make_oidc(kit, ben), ben))[0].name == "ben"
    school.down = True
    with pytest.raises(Unavailable):
        await come_back(make_oidc(kit, provider), provider)


async def test_accounts_of_another_provider_are_looked_up_there(kit: IdentityKit) -> None:
    local = await kit.identity.add_user("ana", PASSWORD, groups=["staff"])
    provider = FakeProvider({"preferred_username": "ANA", "groups": ["administrators"]})
    principal, _ = await come_back(make_oidc(kit, provider, provider="local"), provider)
    assert principal.id == local.id
    assert principal.groups == {"staff"}
    await kit.identity.disable_user("ana")
    assert await refusal(make_oidc(kit, provider, provider="local"), provider) == NO_ACCOUNT
    stranger = FakeProvider({"preferred_username": "eve"})
    assert await refusal(make_oidc(kit, stranger, provider="local"), stranger) == NO_ACCOUNT


async def test_only_allowed_groups_are_let_in(kit: IdentityKit) -> None:
    provider = FakeProvider({"preferred_username": "ana", "groups": "visitors"})
    allowed = frozenset({"staff"})
    assert await refusal(make_oidc(kit, provider, allowed_groups=allowed), provider) == NOT_ALLOWED
    provider.claims["groups"] = "staff"
    await come_back(make_oidc(kit, provider, allowed_groups=allowed), provider)


@pytest.mark.parametrize("name", [None, "", "   ", 7, ["ana"], "a:b", "a\nb", "x" * 300])
async def test_what_cannot_be_a_name_opens_nothing(kit: IdentityKit, name: object) -> None:
    provider = FakeProvider({"preferred_username": name})
    assert await refusal(make_oidc(kit, provider), provider) == WRONG


async def test_an_address_counts_only_where_it_was_verified(kit: IdentityKit) -> None:
    provider = FakeProvider({"email": "ana@example.org"})
    assert await refusal(make_oidc(kit, provider, name_claim="email"), provider) == WRONG
    provider.claims["email_verified"] = True
    principal, _ = await come_back(make_oidc(kit, provider, name_claim="email"), provider)
    assert principal.name == "ana@example.org"


async def test_a_sign_in_of_unknown_age_releases_nothing(kit: IdentityKit) -> None:
    provider = FakeProvider()
    principal, _ = await come_back(make_oidc(kit, provider), provider)
    assert kit.clock.now() - principal.proven_at > timedelta(hours=1)


async def test_a_new_proof_is_one_that_was_made_anew(kit: IdentityKit) -> None:
    provider = FakeProvider()
    oidc = make_oidc(kit, provider)
    assert await refusal(oidc, provider, again=True) == NOT_AGAIN
    provider.at = kit.clock.now() - timedelta(hours=2)
    assert await refusal(oidc, provider, again=True) == NOT_AGAIN
    provider.at = kit.clock.now()
    principal, _ = await come_back(oidc, provider, again=True)
    assert principal.proven_at == kit.clock.now()


async def test_a_state_is_good_once_in_its_browser_and_for_ten_minutes(kit: IdentityKit) -> None:
    provider = FakeProvider()
    oidc = make_oidc(kit, provider)
    await oidc.begin("b", "/", peer=PEER, language="en")
    returned = Returned(provider.begun[-1].state, "code", "", None)
    with pytest.raises(NotAuthenticated, match="another browser"):
        await oidc.finish("another", returned, peer=PEER)
    await oidc.finish("b", returned, peer=PEER)
    with pytest.raises(NotAuthenticated) as refused:
        await oidc.finish("b", returned, peer=PEER)
    assert refused.value.public == OVER
    await oidc.begin("b", "/", peer=PEER, language="en")
    kit.clock.advance(TERM_S + 1)
    with pytest.raises(NotAuthenticated):
        await oidc.finish("b", Returned(provider.begun[-1].state, "code", "", None), peer=PEER)


async def test_a_cancelled_sign_in_is_said_so_and_recorded(kit: IdentityKit) -> None:
    provider = FakeProvider()
    oidc = make_oidc(kit, provider)
    await oidc.begin("b", "/", peer=PEER, language="en")
    with pytest.raises(NotAuthenticated) as refused:
        await oidc.finish("b", Returned(provider.begun[-1].state, "", "access_denied", None), peer=PEER)
    assert refused.value.public == CANCELLED
    assert (await kit.audit())[-1]["why"] == "cancelled"


async def test_a_provider_that_is_down_lets_nobody_in(kit: IdentityKit) -> None:
    provider = FakeProvider(down=True)
    with pytest.raises(Unavailable):
        await come_back(make_oidc(kit, provider), provider)


def test_sign_ins_under_way_are_bounded(kit: IdentityKit) -> None:
    pending = PendingSignIns(kit.clock)
    first = pending.begin("b", "/", PEER, again=False)
    for _ in range(MAX_PER_ADDRESS):
        last = pending.begin("b", "/", PEER, again=False)
    assert pending.take(first.state, "b") is None
    assert pending.take(last.state, "b") == last
    for number in range(MAX_PENDING - MAX_PER_ADDRESS + 1):
        pending.begin("b", "/", f"10.0.{number >> 8}.{number & 255}", again=False)
    with pytest.raises(Busy):
        pending.begin("b", "/", "192.0.2.1", again=False)
    kit.clock.advance(TERM_S + 1)
    pending.begin("b", "/", "192.0.2.1", again=False)


def test_a_network_of_addresses_is_one_place_for_sign_ins_under_way(kit: IdentityKit) -> None:
    """Whoever has an IPv6 /64 does not keep everybody else from signing in."""
    pending = PendingSignIns(kit.clock)
    for number in range(MAX_PENDING):
        pending.begin("b", "/", f"2001:db8::{number:x}", again=False)
    mine = pending.begin("c", "/", "2001:db8:0:1::1", again=False)
    assert pending.take(mine.state, "c") == mine


async def test_refusals_of_a_network_of_addresses_are_one_record(kit: IdentityKit) -> None:
    oidc, before = make_oidc(kit, FakeProvider()), len(await kit.audit())
    for number in range(5):
        with pytest.raises(NotAuthenticated):
            await oidc.finish("b", Returned("x", "code", "", None), peer=f"2001:db8::{number:x}")
    assert len(await kit.audit()) == before + 1
