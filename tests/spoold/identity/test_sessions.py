"""Sessions: tokens, ends, proofs, CSRF tokens."""

import pytest

from spoold.database import people
from spoold.identity.sessions import csrf_matches, csrf_token
from spoold.model.errors import NotAuthenticated
from spoold.model.principal import Method
from tests.support.identities import PASSWORD, IdentityKit

PEER = "10.20.1.1"


@pytest.fixture
async def token(kit: IdentityKit) -> str:
    await kit.identity.add_user("alice", PASSWORD, groups=["pupils"])
    token, _ = await kit.identity.sign_in("alice", PASSWORD, peer=PEER)
    return token


async def test_a_session_is_whose_it_is(kit: IdentityKit, token: str) -> None:
    principal = await kit.identity.principal_of(token)
    assert principal is not None
    assert (principal.name, set(principal.groups), principal.method) == ("alice", {"pupils"}, Method.PASSWORD)
    assert principal.proven_at == kit.clock.now()


async def test_tokens_are_random_and_only_their_hash_is_stored(kit: IdentityKit, token: str) -> None:
    other, _ = await kit.identity.sign_in("alice", PASSWORD, peer=PEER)
    assert other != token
    assert len(token) == 43
    stored = await kit.database.read(
        lambda c: [bytes(row[0]) for row in c.exec_driver_sql("SELECT token_hash FROM sessions")]
    )
    assert len(stored) == 2
    assert all(token.encode() not in row and len(row) == 32 for row in stored)


WRONG = ["", "x", "A" * 43, "A" * 4_000_000, "\u00e9" * 43, "../" * 14 + "a", "\ud800" * 43]


@pytest.mark.parametrize("wrong", WRONG)
async def test_other_tokens_are_nobody(kit: IdentityKit, token: str, wrong: str) -> None:
    assert await kit.identity.principal_of(wrong) is None
    await kit.identity.sign_out(wrong)
    assert await kit.identity.principal_of(token) is not None


async def test_it_ends_when_idle_for_ten_minutes(kit: IdentityKit, token: str) -> None:
    for _ in range(5):
        kit.clock.advance(599)
        assert await kit.identity.principal_of(token) is not None
    kit.clock.advance(600)
    assert await kit.identity.principal_of(token) is None


async def test_a_page_that_refreshes_itself_does_not_keep_it_alive(kit: IdentityKit, token: str) -> None:
    for _ in range(119):
        kit.clock.advance(5)
        assert await kit.identity.principal_of(token, used=False) is not None
    kit.clock.advance(5)
    assert await kit.identity.principal_of(token, used=False) is None


async def test_it_ends_after_eight_hours_of_use(kit: IdentityKit, token: str) -> None:
    for _ in range(8 * 12 - 1):
        kit.clock.advance(300)
        assert await kit.identity.principal_of(token) is not None
    kit.clock.advance(300)
    assert await kit.identity.principal_of(token) is None


async def test_use_is_written_at_most_once_a_minute(kit: IdentityKit, token: str) -> None:
    def used_us() -> object:
        return kit.database.read(lambda c: c.exec_driver_sql("SELECT used_us FROM sessions").scalar())

    start = await used_us()  # type: ignore[misc]
    kit.clock.advance(59)
    await kit.identity.principal_of(token)
    assert await used_us() == start  # type: ignore[misc]
    kit.clock.advance(1)
    await kit.identity.principal_of(token)
    assert await used_us() != start  # type: ignore[misc]


@pytest.mark.parametrize("change", ["password", "disable", "sign-out"])
async def test_it_ends_with(kit: IdentityKit, token: str, change: str) -> None:
    match change:
        case "password":
            await kit.identity.set_password("alice", "battery staple")
        case "disable":
            await kit.identity.disable_user("alice")
        case "sign-out":
            await kit.identity.sign_out(token)
            assert (await kit.kinds())[-1] == "sign-out"
    assert await kit.identity.principal_of(token) is None
    if change == "disable":
        await kit.identity.enable_user("alice")
        assert await kit.identity.principal_of(token) is None


async def test_an_epoch_that_moved_ends_it_even_if_its_row_stayed(kit: IdentityKit, token: str) -> None:
    user = (await kit.identity.list_users())[0]
    await kit.database.write(lambda c: people.set_password_hash(c, user.id, "whatever"))
    assert await kit.identity.principal_of(token) is None


async def test_a_clock_set_back_ends_it(kit: IdentityKit, token: str) -> None:
    kit.clock.step_wall(-30)
    assert await kit.identity.principal_of(token) is not None
    kit.clock.step_wall(-3600)
    assert await kit.identity.principal_of(token) is None


async def test_proving_again(kit: IdentityKit, token: str) -> None:
    signed_in = kit.clock.now()
    kit.clock.advance(300)
    principal = await kit.identity.principal_of(token)
    assert principal is not None
    assert principal.proven_at == signed_in
    with pytest.raises(NotAuthenticated):
        await kit.identity.confirm(token, "wrong password", peer=PEER)
    confirmed = await kit.identity.confirm(token, PASSWORD, peer=PEER)
    principal = await kit.identity.principal_of(token)
    assert principal is not None
    assert confirmed.proven_at == principal.proven_at == kit.clock.now()


async def test_proving_again_needs_a_session(kit: IdentityKit, token: str) -> None:
    await kit.identity.sign_out(token)
    before = kit.hasher.computed
    with pytest.raises(NotAuthenticated):
        await kit.identity.confirm(token, PASSWORD, peer=PEER)
    assert kit.hasher.computed == before


async def test_one_person_has_twenty_at_most(kit: IdentityKit, token: str) -> None:
    tokens = [token]
    for _ in range(20):
        kit.clock.advance(1)
        tokens.append((await kit.identity.sign_in("alice", PASSWORD, peer=PEER))[0])
    alive = [await kit.identity.principal_of(each) is not None for each in tokens]
    assert alive == [False] + [True] * 20


def test_csrf_tokens_belong_to_one_session() -> None:
    one, other = "A" * 43, "B" * 43
    assert csrf_matches(one, csrf_token(one))
    assert not csrf_matches(other, csrf_token(one))
    assert one not in csrf_token(one)
    for wrong in (
        "",
        csrf_token(one)[:-1],
        csrf_token(one).upper(),
        "\ud800",
        "\u00e9",
        csrf_token(one) + " ",
    ):
        assert not csrf_matches(one, wrong)
