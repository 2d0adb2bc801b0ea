"""Tickets of a real KDC: whose they are, what they open, and everything that opens nothing."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from spoold.identity.kerberos import NO_ACCOUNT, Endpoint, Kerberos
from spoold.identity.tickets import (
    MAX_WAITING,
    MISSING,
    WRONG_TICKET,
    KeytabReader,
    Ticket,
    check_keytab,
)
from spoold.model.errors import Busy, ConfigurationError, NotAuthenticated
from spoold.model.principal import Method
from tests.support.identities import PASSWORD, IdentityKit
from tests.support.kdc import FOREIGN, OTHER_SERVICE, REALM, SERVICE, Kdc, running_kdc
from tests.support.tickets import Client, kerberos_environment

PEER = "10.20.1.9"


@pytest.fixture(scope="module", name="kdc")
def _kdc(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kdc]:
    with running_kdc(tmp_path_factory.mktemp("kdc")) as kdc, kerberos_environment(kdc):
        yield kdc


@pytest.fixture(name="reader")
def _reader(kdc: Kdc, tmp_path: Path) -> KeytabReader:
    return KeytabReader(kdc.keytab, tmp_path / "replays", None)


def make_kerberos(kit: IdentityKit, reader: object, **changed: object) -> Kerberos:
    settings = {"realms": {REALM: "local"}, "endpoints": ["api", "portal"], **changed}
    return Kerberos(
        reader,  # type: ignore[arg-type]
        kit.identity,
        database=kit.database,
        clock=kit.clock,
        metrics=kit.metrics,
        **settings,  # type: ignore[arg-type]
    )


async def refusal(kerberos: Kerberos, token: bytes, endpoint: Endpoint = Endpoint.API) -> str:
    with pytest.raises(NotAuthenticated) as refused:
        await kerberos.prove(endpoint, token, peer=PEER)
    return refused.value.public


async def last_why(kit: IdentityKit) -> object:
    return (await kit.audit())[-1].get("why")


async def test_a_ticket_opens_the_account_and_the_service_proves_itself(
    kdc: Kdc, kit: IdentityKit, reader: KeytabReader
) -> None:
    alice = await kit.identity.add_user("alice", PASSWORD)
    client = Client(kdc.signed_in("alice"))
    proof = await make_kerberos(kit, reader).prove(Endpoint.API, client.token(), peer=PEER)
    assert proof.principal.id == alice.id
    assert proof.principal.method is Method.KERBEROS
    assert proof.principal.proven_at == kit.clock.now()
    assert client.believes(proof.reply)
    entry = (await kit.audit())[-1]
    assert (entry["kind"], entry["actor"], entry["method"]) == ("sign-in", alice.id, "kerberos")


async def test_a_bare_kerberos_token_is_as_good(kdc: Kdc, reader: KeytabReader) -> None:
    ticket = await reader.read(Client(kdc.signed_in("alice"), spnego=False).token())
    assert ticket.principal == f"alice@{REALM}"


async def test_a_token_counts_once(kdc: Kdc, kit: IdentityKit, reader: KeytabReader, tmp_path: Path) -> None:
    await kit.identity.add_user("alice", PASSWORD)
    token = Client(kdc.signed_in("alice")).token()
    await make_kerberos(kit, reader).prove(Endpoint.API, token, peer=PEER)
    # A restart forgets nothing: the cache is a file.
    again = KeytabReader(kdc.keytab, tmp_path / "replays", None)
    assert await refusal(make_kerberos(kit, again), token) == WRONG_TICKET
    assert await last_why(kit) == "replayed"


@pytest.mark.parametrize(
    ("principal", "why"),
    [
        (f"alice@{FOREIGN}", "realm-not-listed"),
        ("nobody-here", "no-account"),
        ("alice/admin", "no-person"),
        ("host$", "no-person"),
    ],
)
async def test_a_good_ticket_of_nobody_we_know_opens_nothing(
    kdc: Kdc, kit: IdentityKit, reader: KeytabReader, principal: str, why: str
) -> None:
    await kit.identity.add_user("alice", PASSWORD)
    await kit.identity.add_user("host$", PASSWORD)
    token = Client(kdc.signed_in(principal)).token()
    assert await refusal(make_kerberos(kit, reader), token) == NO_ACCOUNT
    assert await last_why(kit) == why


async def test_a_closed_account_stays_closed(kdc: Kdc, kit: IdentityKit, reader: KeytabReader) -> None:
    await kit.identity.add_user("bob", PASSWORD)
    await kit.identity.disable_user("bob")
    assert await refusal(make_kerberos(kit, reader), Client(kdc.signed_in("bob")).token()) == NO_ACCOUNT


async def test_a_realm_opens_accounts_of_its_own_provider_only(
    kdc: Kdc, kit: IdentityKit, reader: KeytabReader
) -> None:
    await kit.identity.add_user("alice", PASSWORD)
    kerberos = make_kerberos(kit, reader, realms={FOREIGN: "local"})
    assert await refusal(kerberos, Client(kdc.signed_in("alice")).token()) == NO_ACCOUNT


async def test_a_ticket_for_another_service_is_refused(
    kdc: Kdc, kit: IdentityKit, reader: KeytabReader
) -> None:
    token = Client(kdc.signed_in("alice"), "elsewhere.lab.test").token()
    assert await refusal(make_kerberos(kit, reader), token) == WRONG_TICKET
    assert await last_why(kit) == "other-service"


@pytest.mark.parametrize(
    "token", [b"", b"garbage", b"\x60\x01", b"\x60\x82\xff\xff", bytes(4000), b"NTLMSSP\x00\x01\x00\x00\x00"]
)
async def test_garbage_is_refused(kit: IdentityKit, reader: KeytabReader, token: bytes) -> None:
    assert await refusal(make_kerberos(kit, reader), token) == WRONG_TICKET


async def test_a_damaged_token_is_refused(kdc: Kdc, kit: IdentityKit, reader: KeytabReader) -> None:
    await kit.identity.add_user("alice", PASSWORD)
    signed_in = kdc.signed_in("alice")
    whole = Client(signed_in).token()
    for place in range(0, len(whole), 37):
        token = bytearray(Client(signed_in).token())
        token[min(place, len(token) - 1)] ^= 0x40
        try:
            ticket = await reader.read(bytes(token))
        except NotAuthenticated:
            continue
        # Outside of what is sealed there are bits that mean nothing; who it is never changes.
        assert ticket.principal == f"alice@{REALM}"


class Unread:
    """A reader that must not be asked."""

    def __init__(self) -> None:
        self.asked = 0

    async def read(self, token: bytes) -> Ticket:
        self.asked += 1
        return Ticket(f"alice@{REALM}", b"")


async def test_where_tickets_are_not_taken_they_are_not_looked_at(kit: IdentityKit) -> None:
    await kit.identity.add_user("alice", PASSWORD)
    unread = Unread()
    kerberos = make_kerberos(kit, unread)
    before = len(await kit.audit())
    assert await refusal(kerberos, b"anything", Endpoint.IPP) == "Kerberos tickets are not taken here."
    assert unread.asked == 0
    assert len(await kit.audit()) == before
    await kerberos.prove(Endpoint.API, b"anything", peer=PEER)
    assert unread.asked == 1


async def test_refusals_do_not_fill_the_records(kit: IdentityKit, reader: KeytabReader) -> None:
    kerberos = make_kerberos(kit, reader)
    for _ in range(5):
        await refusal(kerberos, b"garbage")
    assert (await kit.kinds()).count("sign-in-failed") == 1
    kit.clock.advance(61)
    await refusal(kerberos, b"garbage")
    assert (await kit.kinds()).count("sign-in-failed") == 2


async def test_more_than_can_wait_are_turned_away(reader: KeytabReader) -> None:
    reader._waiting = MAX_WAITING
    with pytest.raises(Busy):
        await reader.read(b"garbage")


def test_the_one_key_that_counts_is_in_the_keytab(kdc: Kdc, tmp_path: Path) -> None:
    KeytabReader(kdc.keytab, tmp_path / "replays", SERVICE)
    KeytabReader(kdc.keytab, tmp_path / "replays", "HTTP/localhost")
    with pytest.raises(ConfigurationError, match="does not hold the key of"):
        KeytabReader(kdc.keytab, tmp_path / "replays", OTHER_SERVICE)
    empty = tmp_path / "empty.keytab"
    empty.touch()
    with pytest.raises(ConfigurationError, match="does not hold a key"):
        KeytabReader(empty, tmp_path / "replays", None)


def test_a_keytab_is_nobody_elses(kdc: Kdc, tmp_path: Path) -> None:
    check_keytab(kdc.keytab, credential=False)
    lent = tmp_path / "lent.keytab"
    lent.write_bytes(kdc.keytab.read_bytes())
    lent.chmod(0o640)
    with pytest.raises(ConfigurationError, match="chmod 0600"):
        check_keytab(lent, credential=False)
    check_keytab(lent, credential=True)
    with pytest.raises(ConfigurationError, match="No such file"):
        check_keytab(tmp_path / "none", credential=False)
    with pytest.raises(ConfigurationError, match="not a file"):
        check_keytab(tmp_path, credential=True)


def test_without_the_library_the_configuration_cannot_be_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "gssapi", None)
    with pytest.raises(ConfigurationError) as refused:
        KeytabReader(tmp_path / "keytab", tmp_path / "replays", None)
    assert refused.value.public == MISSING
    assert "KRB5_KTNAME" not in os.environ
