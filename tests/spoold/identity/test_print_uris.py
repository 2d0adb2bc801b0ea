"""Personal print URIs: whom a token stands for, and how it ends."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from spoold.database import print_uris as rows
from spoold.identity.print_uris import (
    MAX_LABEL_CHARACTERS,
    MAX_PER_PERSON,
    NO_SUCH_PRINTER,
    REFUSED_FOR_S,
    USE_GRANULARITY,
    PrintUris,
)
from spoold.model.errors import NotAuthorized, NotFound, NotPossible, TooManyAttempts, Unavailable
from spoold.model.principal import Method, Principal, Role
from tests.support.identities import PASSWORD, IdentityKit, make_identity, open_database

PEER = "192.0.2.9"


@pytest.fixture
def kit(tmp_path: Path) -> Iterator[IdentityKit]:
    with open_database(tmp_path / "spoold.db") as database:
        yield make_identity(database)


def uris_of(kit: IdentityKit) -> PrintUris:
    return PrintUris(
        kit.database,
        kit.clock,
        kit.metrics,
        kit.throttle,
        queues=lambda: frozenset({"open", "secure"}),
        authority=lambda: "print.example.org:631",
        confirm=kit.identity.confirmed,
    )


async def person(kit: IdentityKit, name: str = "ana", role: Role = Role.USER) -> Principal:
    await kit.identity.add_user(name, PASSWORD, role=role)
    return await kit.identity.authenticate(name, PASSWORD, peer=PEER, fresh=True)


async def refused(uris: PrintUris, token: str, queue: str = "open", peer: str = PEER) -> str:
    """Return why, for the log; people hear the same whatever it is."""
    with pytest.raises(NotFound) as caught:
        await uris.open(token, queue, peer=peer, submits=True)
    assert caught.value.public == NO_SUCH_PRINTER
    return str(caught.value.fields["why"])


async def test_a_token_stands_for_its_owner_with_the_rights_of_a_user(kit: IdentityKit) -> None:
    uris, ada = uris_of(kit), await person(kit, "ada", Role.ADMINISTRATOR)
    row, token = await uris.add(ada, "open", "  My   laptop ", peer=PEER)
    assert (row.label, row.queue, len(token)) == ("My laptop", "open", 32)
    assert set(token) <= set("abcdefghijklmnopqrstuvwxyz234567")
    opened = await uris.open(token, "open", peer=PEER, submits=True)
    assert (opened.principal.id, opened.principal.method) == (ada.id, Method.PRINT_URI)
    assert (opened.principal.role, opened.uri_id) == (Role.USER, row.id)


async def test_the_token_is_kept_as_its_hash_only(kit: IdentityKit, tmp_path: Path) -> None:
    uris, ana = uris_of(kit), await person(kit)
    row, token = await uris.add(ana, "open", "laptop", peer=PEER)
    assert token not in repr(row)
    assert token not in str(await kit.audit())
    (kept,) = await uris.of(ana.id)
    assert kept == row
    assert token.encode() not in b"".join(path.read_bytes() for path in tmp_path.iterdir())


async def test_two_tokens_are_never_the_same(kit: IdentityKit) -> None:
    uris, ana = uris_of(kit), await person(kit)
    tokens = {(await uris.add(ana, "open", "laptop", peer=PEER))[1] for _ in range(MAX_PER_PERSON)}
    assert len(tokens) == MAX_PER_PERSON


async def test_what_is_not_good_is_refused_in_one_way(kit: IdentityKit) -> None:
    uris, ana = uris_of(kit), await person(kit)
    _, token = await uris.add(ana, "open", "laptop", peer=PEER)
    row, revoked = await uris.add(ana, "open", "phone", peer=PEER)
    await uris.revoke(ana, row.id, peer=PEER)
    assert await refused(uris, "a" * 32) == "unknown-print-uri"
    assert await refused(uris, "") == "unknown-print-uri"
    assert await refused(uris, token.upper()) == "unknown-print-uri"
    assert await refused(uris, revoked) == "print-uri-revoked"
    assert await refused(uris, token, "secure") == "print-uri-of-another-queue"
    assert (await uris.open(token, "open", peer=PEER, submits=False)).principal.id == ana.id


async def test_it_dies_with_the_account_and_lives_with_it_again(kit: IdentityKit) -> None:
    uris, ana = uris_of(kit), await person(kit)
    _, token = await uris.add(ana, "open", "laptop", peer=PEER)
    await kit.identity.disable_user("ana")
    assert await refused(uris, token) == "account-closed"
    await kit.identity.enable_user("ana")
    assert (await uris.open(token, "open", peer=PEER, submits=True)).principal.id == ana.id


async def test_a_directory_s_no_counts_when_a_job_is_made(kit: IdentityKit) -> None:
    """Where the account is kept elsewhere, that place is asked before a job is taken."""
    uris, ana = uris_of(kit), await person(kit)
    _, token = await uris.add(ana, "open", "laptop", peer=PEER)

    async def gone(_principal: Principal) -> Principal:
        raise NotAuthorized("The account is closed.")

    async def silent(_principal: Principal) -> Principal:
        raise Unavailable("The directory does not answer.")

    async def promoted(principal: Principal) -> Principal:
        return replace(principal, role=Role.OPERATOR, groups=frozenset({"staff"}))

    uris._confirm = gone
    assert await refused(uris, token) == "not-authorized"
    uris._confirm = silent
    with pytest.raises(Unavailable):
        await uris.open(token, "open", peer=PEER, submits=True)
    assert (await uris.open(token, "open", peer=PEER, submits=False)).principal.id == ana.id
    uris._confirm = promoted
    principal = (await uris.open(token, "open", peer=PEER, submits=True)).principal
    assert (principal.role, principal.groups) == (Role.USER, frozenset({"staff"}))


async def test_people_revoke_their_own_and_administrators_everybody_s(kit: IdentityKit) -> None:
    uris, ana, ben = uris_of(kit), await person(kit), await person(kit, "ben")
    oskar, ada = await person(kit, "oskar", Role.OPERATOR), await person(kit, "ada", Role.ADMINISTRATOR)
    row, token = await uris.add(ana, "open", "laptop", peer=PEER)
    for other in (ben, oskar):
        with pytest.raises(NotFound):
            await uris.revoke(other, row.id, peer=PEER)
    assert await uris.of(ben.id) == []
    await uris.revoke(ada, row.id, peer=PEER)
    assert await refused(uris, token) == "print-uri-revoked"
    with pytest.raises(NotFound):
        await uris.revoke(ana, row.id, peer=PEER)
    assert await uris.of(ana.id) == []
    entry = (await kit.audit())[-1]
    assert (entry["kind"], entry["actor"], entry["user"]) == ("print-uri-revoked", ada.id, ana.id)


@pytest.mark.parametrize("label", ["", "   ", "x" * (MAX_LABEL_CHARACTERS + 1), "a\u202eb", "a\0b"])
async def test_a_label_is_one_readable_line(kit: IdentityKit, label: str) -> None:
    with pytest.raises(NotPossible):
        await uris_of(kit).add(await person(kit), "open", label, peer=PEER)


async def test_there_is_a_bound_and_a_queue(kit: IdentityKit) -> None:
    uris, ana = uris_of(kit), await person(kit)
    with pytest.raises(NotFound):
        await uris.add(ana, "nowhere", "laptop", peer=PEER)
    made = [await uris.add(ana, "open", "x" * MAX_LABEL_CHARACTERS, peer=PEER) for _ in range(MAX_PER_PERSON)]
    with pytest.raises(NotPossible, match="revoke one first"):
        await uris.add(ana, "open", "one more", peer=PEER)
    await uris.revoke(ana, made[0][0].id, peer=PEER)
    await uris.add(ana, "open", "one more", peer=PEER)


async def test_whoever_has_no_account_has_none(kit: IdentityKit) -> None:
    ana = await person(kit)
    root = replace(ana, method=Method.CONTROL_SOCKET)
    gone = replace(ana, id=type(ana.id)("gone"))
    for nobody in (root, gone):
        with pytest.raises(NotAuthorized):
            await uris_of(kit).add(nobody, "open", "laptop", peer=PEER)


async def test_use_is_written_down_now_and_then(kit: IdentityKit) -> None:
    uris, ana = uris_of(kit), await person(kit)
    _, token = await uris.add(ana, "open", "laptop", peer=PEER)
    assert [row.used_at for row in await uris.of(ana.id)] == [None]
    await uris.open(token, "open", peer=PEER, submits=False)
    first = kit.clock.now()
    kit.clock.advance((USE_GRANULARITY - timedelta(seconds=1)).total_seconds())
    await uris.open(token, "open", peer=PEER, submits=False)
    assert [row.used_at for row in await uris.of(ana.id)] == [first]
    kit.clock.advance(1)
    await uris.open(token, "open", peer=PEER, submits=False)
    assert [row.used_at for row in await uris.of(ana.id)] == [kit.clock.now()]


async def test_guesses_shut_their_address_out_and_nobody_else(kit: IdentityKit) -> None:
    uris, ana = uris_of(kit), await person(kit)
    _, token = await uris.add(ana, "open", "laptop", peer=PEER)
    for number in range(100):
        assert await refused(uris, f"guess{number}") == "unknown-print-uri"
    assert [entry["kind"] for entry in await kit.audit()].count("print-uri-refused") == 20
    with pytest.raises(TooManyAttempts):
        await kit.identity.authenticate("ana", PASSWORD, peer=PEER, fresh=True)
    # What was proven needs no guess: the person at the same address goes on printing.
    assert (await uris.open(token, "open", peer=PEER, submits=True)).principal.id == ana.id
    assert (await kit.identity.authenticate("ana", PASSWORD, peer="198.51.100.1", fresh=True)).id == ana.id


async def test_an_old_address_in_a_print_queue_counts_once(kit: IdentityKit) -> None:
    """Windows tries every five seconds; the room it stands in must not be shut out by that."""
    uris, ana = uris_of(kit), await person(kit)
    row, revoked = await uris.add(ana, "open", "laptop", peer=PEER)
    await uris.revoke(ana, row.id, peer=PEER)
    before = await kit.kinds()
    for _ in range(50):
        await refused(uris, revoked)
    assert await kit.kinds() == before
    for _ in range(50):
        await refused(uris, "of-a-server-before-this-one")
    assert (await kit.kinds())[len(before) :] == ["print-uri-refused"]
    kit.clock.advance(REFUSED_FOR_S)
    await refused(uris, "of-a-server-before-this-one")
    assert (await kit.kinds())[len(before) :] == ["print-uri-refused"] * 2


async def test_rows_go_with_the_account(kit: IdentityKit) -> None:
    uris, ana = uris_of(kit), await person(kit)
    _, token = await uris.add(ana, "open", "laptop", peer=PEER)
    await kit.database.write(lambda connection: connection.exec_driver_sql("DELETE FROM users"))
    assert await refused(uris, token) == "unknown-print-uri"
    assert await kit.database.read(lambda connection: rows.print_uris_of(connection, ana.id)) == []
