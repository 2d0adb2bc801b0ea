"""Tokens of programs: what they are good for, from where, until when; and what is known of each call."""

from collections.abc import Collection
from datetime import timedelta

import pytest

from spoold.identity import token_rates
from spoold.identity.presence import PAUSE_S, THERE_S
from spoold.identity.provider import Finding
from spoold.identity.tokens import Call, NewToken, is_token
from spoold.model.errors import (
    NotAuthenticated,
    NotAuthorized,
    NotFound,
    NotPossible,
    TooManyAttempts,
    Unavailable,
)
from spoold.model.ids import UserId
from spoold.model.principal import Method, Role
from spoold.model.scopes import OF_A_PERSON, Scope
from tests.spoold.identity.test_people_of_directories import WORD, FakeDirectory
from tests.support.identities import PASSWORD, IdentityKit

PEER = "10.20.1.9"
READ = Call(Scope.JOBS_READ, "read-job", PEER)


class House:
    """Tokens over a database with one account."""

    def __init__(self, kit: IdentityKit, owner: UserId) -> None:
        self.kit = kit
        self.owner = owner
        self.tokens = kit.tokens

    async def issue(
        self,
        *scopes: str,
        networks: Collection[str] = ("10.20.0.0/16",),
        life: timedelta = timedelta(days=30),
        owner: UserId | None = None,
        label: str = "Reception",
    ) -> NewToken:
        return await self.tokens.issue(
            owner or self.owner,
            label=label,
            scopes=scopes or ("jobs:read",),
            networks=networks,
            life=life,
            actor="alice",
        )

    async def refused(self, token: str, call: Call = READ) -> str:
        """Be refused; what was recorded as the reason."""
        with pytest.raises(NotAuthenticated, match="not accepted"):
            await self.tokens.principal_of(token, call)
        return str((await self.kit.audit())[-1]["why"])


@pytest.fixture(name="house")
async def _house(kit: IdentityKit) -> House:
    user = await kit.identity.add_user("alice", PASSWORD, role=Role.ADMINISTRATOR, groups=["staff"])
    return House(kit, user.id)


async def test_a_token_is_its_owner_without_any_office(house: House) -> None:
    made = await house.issue("jobs:read", "jobs:release")
    assert is_token(made.token)
    principal = await house.tokens.principal_of(made.token, READ)
    assert (principal.id, principal.name, principal.method) == (house.owner, "alice", Method.TOKEN)
    assert principal.role is Role.USER
    assert principal.scopes == frozenset({"jobs:read", "jobs:release"})
    assert principal.groups == {"staff"}
    assert principal.proven_at == house.kit.clock.now()


async def test_only_the_hash_of_the_secret_is_stored(house: House) -> None:
    made = await house.issue()
    secret = made.token.rsplit("_", 1)[1] if "_" not in made.token[21:] else made.token[21:]
    assert len(secret) == 43
    dump = await house.kit.database.read(
        lambda c: "\n".join(str(row) for row in c.exec_driver_sql("SELECT * FROM api_tokens"))
    )
    everything = dump + str(await house.kit.audit()) + repr(made)
    assert secret not in everything
    assert made.token not in everything
    assert made.row.id in dump


async def test_every_call_is_one_record(house: House) -> None:
    made = await house.issue("jobs:release")
    before = len(await house.kit.audit())
    call = Call(Scope.JOBS_RELEASE, "release", PEER, job="a-job")
    for _ in range(5):
        await house.tokens.principal_of(made.token, call)
    records = (await house.kit.audit())[before:]
    assert [record["kind"] for record in records] == ["token-used"] * 5
    assert records[0]["actor"] == f"token:{made.row.id}"
    assert (records[0]["user"], records[0]["action"]) == (house.owner, "release")
    assert (records[0]["job"], records[0]["peer"]) == ("a-job", PEER)


async def test_last_use_is_written_down_once_a_minute(house: House) -> None:
    made = await house.issue()
    clock, used = house.kit.clock, []
    for _ in range(13):
        await house.tokens.principal_of(made.token, READ)
        used.append((await house.tokens.of(house.owner))[0].used_at)
        clock.advance(10)
    assert len(set(used)) == 3
    assert all(moment is not None for moment in used)


async def test_it_does_nothing_without_the_scope(house: House) -> None:
    made = await house.issue("jobs:read")
    for call in (Call(Scope.JOBS_RELEASE, "release", PEER), Call(None, "change-users", PEER)):
        with pytest.raises(NotAuthorized, match="not for that"):
            await house.tokens.principal_of(made.token, call)
        record = (await house.kit.audit())[-1]
        assert (record["kind"], record["why"]) == ("token-refused", "scope")


@pytest.mark.parametrize("peer", ["10.21.0.1", "192.0.2.1", "local", "", "::1"])
async def test_it_is_bound_to_its_networks(house: House, peer: str) -> None:
    made = await house.issue(networks=["10.20.0.0/16", "2001:db8::/32"])
    assert await house.refused(made.token, Call(Scope.JOBS_READ, "read-job", peer)) == "network"
    for inside in ("10.20.255.255", "::ffff:10.20.1.9", "2001:db8::7"):
        call = Call(Scope.JOBS_READ, "read-job", inside)
        assert (await house.tokens.principal_of(made.token, call)).name == "alice"


async def test_it_ends(house: House) -> None:
    made = await house.issue(life=timedelta(hours=1))
    house.kit.clock.advance(3599)
    await house.tokens.principal_of(made.token, READ)
    house.kit.clock.advance(1)
    assert await house.refused(made.token) == "expired"
    house.kit.clock.step_wall(-86_400)
    assert await house.refused(made.token) == "expired"


async def test_it_is_revoked_by_its_owner_or_an_administrator(house: House) -> None:
    first, second = await house.issue(), await house.issue()
    with pytest.raises(NotFound):
        await house.tokens.revoke(first.row.id, actor="bob", owner=UserId("bob"))
    await house.tokens.principal_of(first.token, READ)
    await house.tokens.revoke(first.row.id, actor="alice", owner=house.owner)
    await house.tokens.revoke(second.row.id, actor="uid:0")
    assert await house.refused(first.token) == "revoked"
    assert await house.refused(second.token) == "revoked"
    with pytest.raises(NotFound):
        await house.tokens.revoke(first.row.id, actor="alice", owner=house.owner)


async def test_it_dies_with_the_account(house: House) -> None:
    made = await house.issue()
    await house.kit.identity.disable_user("alice")
    assert await house.refused(made.token) == "account"
    await house.kit.database.write(lambda c: c.exec_driver_sql("DELETE FROM users"))
    assert await house.refused(made.token) == "unknown"


# -- of people of a directory


@pytest.fixture(name="pupil")
async def _pupil(kit: IdentityKit) -> tuple[House, FakeDirectory]:
    """A house whose person is carol, of a directory, and the directory."""
    school = FakeDirectory()
    kit.identity.providers.order = (kit.users, school)
    school.add("carol")
    carol = await kit.identity.authenticate("carol", WORD, peer=PEER, fresh=True)
    return House(kit, carol.id), school


@pytest.mark.parametrize("end", ["deleted", "closed"])
@pytest.mark.parametrize("scope", sorted(OF_A_PERSON))
async def test_it_ends_with_the_account_in_the_directory(
    pupil: tuple[House, FakeDirectory], scope: Scope, end: str
) -> None:
    house, school = pupil
    made, call = await house.issue(scope), Call(scope, "read-job", PEER)
    assert (await house.tokens.principal_of(made.token, call)).name == "carol"
    if end == "deleted":
        del school.accounts["carol"]
    else:
        school.closed.add("carol")
    house.kit.clock.advance(THERE_S)
    assert await house.refused(made.token, call) == "account"
    record = (await house.kit.audit())[-1]
    assert (record["kind"], record["actor"]) == ("token-refused", f"token:{made.row.id}")
    school.add("carol")
    school.closed.clear()
    house.kit.clock.advance(PAUSE_S)
    assert (await house.tokens.principal_of(made.token, call)).name == "carol"


async def test_without_the_directory_it_tells_of_no_job_and_changes_none(
    pupil: tuple[House, FakeDirectory],
) -> None:
    house, school = pupil
    made = await house.issue(*OF_A_PERSON)
    school.down = True
    for scope in (Scope.JOBS_READ, Scope.JOBS_DELETE, Scope.JOBS_RELEASE):
        with pytest.raises(Unavailable, match="directory cannot be asked"):
            await house.tokens.principal_of(made.token, Call(scope, "read-job", PEER))
        record = (await house.kit.audit())[-1]
        assert (record["kind"], record["why"]) == ("token-refused", "directory")
    free = Call(Scope.PRINTERS_READ, "read-printers", PEER)
    assert (await house.tokens.principal_of(made.token, free)).name == "carol"
    local = await house.kit.identity.add_user("alice", PASSWORD)
    of_alice = await house.issue(owner=local.id)
    assert (await house.tokens.principal_of(of_alice.token, READ)).name == "alice"
    school.down = False
    house.kit.clock.advance(PAUSE_S)
    assert (await house.tokens.principal_of(made.token, READ)).name == "carol"


async def test_the_directory_hears_of_few_of_its_calls_and_of_no_wrong_one(
    pupil: tuple[House, FakeDirectory], monkeypatch: pytest.MonkeyPatch
) -> None:
    house, school = pupil
    asked: list[UserId] = []
    again = school.again

    async def counted(account_id: UserId) -> Finding:
        asked.append(account_id)
        return await again(account_id)

    monkeypatch.setattr(school, "again", counted)
    made = await house.issue()
    assert await house.refused(made.token, Call(Scope.JOBS_READ, "read-job", "192.0.2.1")) == "network"
    assert await house.refused(made.token[:21] + "A" * 43) == "wrong-secret"
    with pytest.raises(NotAuthorized):
        await house.tokens.principal_of(made.token, Call(Scope.JOBS_DELETE, "cancel", PEER))
    assert asked == []
    for _ in range(12):
        await house.tokens.principal_of(made.token, READ)
        house.kit.clock.advance(THERE_S / 6)
    assert asked == [house.owner] * 2


async def test_what_the_directory_says_of_groups_is_what_a_call_has(
    pupil: tuple[House, FakeDirectory],
) -> None:
    house, school = pupil
    made = await house.issue()
    school.add("carol", groups=frozenset({"staff"}), display_name="Carol C")
    principal = await house.tokens.principal_of(made.token, READ)
    assert (principal.groups, principal.display_name) == (frozenset({"staff"}), "Carol C")


WRONG = [
    "spd_",
    "spd_0_x",
    "spd_" + "0" * 16 + "_" + "A" * 43,
    "spd_" + "\u00e9" * 60,
    "spd_" + "A" * 100_000,
]


@pytest.mark.parametrize("wrong", WRONG)
async def test_others_are_nobodys(house: House, wrong: str) -> None:
    await house.issue()
    assert await house.refused(wrong) == "unknown"


async def test_the_secret_is_what_counts(house: House) -> None:
    first, second = await house.issue(), await house.issue()
    assert await house.refused(first.token[:21] + second.token[21:]) == "wrong-secret"
    record = (await house.kit.audit())[-1]
    assert (record["actor"], record["peer"]) == (f"unproven:{PEER}", PEER)
    assert (record["token"], record["user"]) == (first.row.id, house.owner)
    # Not even of the form: whose it is said to be is not looked at.
    assert await house.refused(first.token[:-1]) == "unknown"
    assert "token" not in (await house.kit.audit())[-1]


async def test_wrong_tokens_do_not_fill_the_records(house: House) -> None:
    made = await house.issue()
    before = len(await house.kit.audit())
    turned_away = 0
    for _ in range(200):
        try:
            await house.tokens.principal_of("spd_" + "0" * 16 + "_" + "A" * 43, READ)
        except TooManyAttempts:
            turned_away += 1
        except NotAuthenticated:
            pass
    assert turned_away == 180
    records = (await house.kit.audit())[before:]
    assert [record["kind"] for record in records] == ["token-refused"] * 20 + ["token-throttled"]
    assert (records[-1]["actor"], records[-1]["action"]) == (f"unproven:{PEER}", "read-job")
    # A good one from there is good all the same: nobody guesses 256 bits.
    assert (await house.tokens.principal_of(made.token, READ)).name == "alice"


async def test_a_program_that_runs_wild_is_slowed(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(token_rates, "MAX_CALLS_EACH", 20)
    made, other = await house.issue(), await house.issue()
    before = len(await house.kit.audit())
    for window in range(1, 3):
        for _ in range(20):
            await house.tokens.principal_of(made.token, READ)
        for _ in range(5):
            with pytest.raises(TooManyAttempts, match="too often") as refused:
                await house.tokens.principal_of(made.token, READ)
            assert refused.value.fields["retry_after_s"] == token_rates.CALLS_WINDOW_S
        # The calls that were turned away are one record, whoever comes in between.
        records = (await house.kit.audit())[before:]
        kinds = [record["kind"] for record in records]
        assert kinds.count("token-throttled") == window
        assert kinds.count("token-used") == 20 * window + window - 1
        last = records[-1]
        assert (last["actor"], last["user"], last["peer"]) == (f"token:{made.row.id}", house.owner, PEER)
        await house.tokens.principal_of(other.token, READ)
        house.kit.clock.advance(token_rates.CALLS_WINDOW_S)
    await house.tokens.principal_of(made.token, READ)


async def test_agents_of_the_site_are_nobody(house: House) -> None:
    made = await house.tokens.issue(
        None,
        label="Readers",
        scopes=["badges:read"],
        networks=["10.20.1.9"],
        life=timedelta(1),
        actor="uid:0",
    )
    principal = await house.tokens.principal_of(made.token, Call(Scope.BADGES_READ, "use-badge", PEER))
    assert principal.id == f"token:{made.row.id}"
    assert (principal.role, principal.groups, principal.scopes) == (
        Role.USER,
        frozenset(),
        frozenset({"badges:read"}),
    )


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"networks": ()}, "Name the networks"),
        ({"networks": ["0.0.0.0/0"]}, "whole Internet"),
        ({"networks": ["lobby"]}, "not a network"),
        ({"networks": [f"10.0.0.{n}" for n in range(33)]}, "Name the networks"),
        ({"life": timedelta(days=367)}, "after a year"),
        ({"life": timedelta(0)}, "after a year"),
        ({"label": " "}, "what the token is for"),
        ({"label": "x" * 101}, "what the token is for"),
        ({"owner": UserId("nobody")}, "closed"),
    ],
)
async def test_what_a_token_cannot_be(house: House, change: dict[str, object], words: str) -> None:
    with pytest.raises(NotPossible, match=words):
        await house.issue("jobs:read", **change)  # type: ignore[arg-type]


@pytest.mark.parametrize("scopes", [("everything",), ("badges:read",), ("jobs:read", "metrics:read")])
async def test_a_persons_token_has_a_persons_scopes(house: House, scopes: tuple[str, ...]) -> None:
    with pytest.raises(NotPossible, match="Choose"):
        await house.issue(*scopes)


async def test_a_person_has_fifty_at_most(house: House) -> None:
    made = [await house.issue() for _ in range(50)]
    with pytest.raises(NotPossible, match="too many"):
        await house.issue()
    await house.tokens.revoke(made[0].row.id, actor="alice", owner=house.owner)
    await house.issue()


async def test_a_network_of_addresses_is_one_place_for_wrong_tokens(house: House) -> None:
    """Whoever has an IPv6 /64 neither fills the audit chain nor the counts that PINs and badges share."""
    for number in range(20):
        await house.refused("spd_x", Call(Scope.JOBS_READ, "read-job", f"2001:db8::{number:x}"))
    before = len(await house.kit.audit())
    with pytest.raises(TooManyAttempts):
        await house.tokens.principal_of("spd_x", Call(Scope.JOBS_READ, "read-job", "2001:db8::99"))
    with pytest.raises(TooManyAttempts):
        await house.tokens.principal_of("spd_x", Call(Scope.JOBS_READ, "read-job", "2001:db8::98"))
    # The first of those that were turned away, whatever address they came from.
    assert [one["kind"] for one in (await house.kit.audit())[before:]] == ["token-throttled"]
    assert await house.refused("spd_x", Call(Scope.JOBS_READ, "read-job", "2001:db8:0:1::1")) == "unknown"
