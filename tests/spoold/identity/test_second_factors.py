"""Setting up second factors, showing them, losing them; and every way to show what is none."""

import json
from collections.abc import Callable
from dataclasses import dataclass

import pyotp
import pytest

from holdstore.keyring import Keyring
from spoold.database import factors
from spoold.identity import one_time_factors
from spoold.identity.one_time import spelled
from spoold.identity.passkey_site import PasskeySite as Site
from spoold.identity.second_factors import SecondFactors
from spoold.identity.second_rule import SecondRule
from spoold.model.errors import NotAuthenticated, NotFound, NotPossible, TooManyAttempts, Unavailable
from spoold.model.principal import Principal
from tests.support.identities import PASSWORD, IdentityKit
from tests.support.passkey import USER_PRESENT, Passkey

PEER, SITE = "10.20.1.9", Site("print.example.org", "https://print.example.org")
OTHER = Site("evil.example.org", "https://evil.example.org")


def make_factors(kit: IdentityKit, key: bytes = b"k" * 31 + b"y") -> SecondFactors:
    return SecondFactors(
        database=kit.database,
        clock=kit.clock,
        guesses=kit.guesses,
        rule=SecondRule(),
        keyring=Keyring.from_bytes(key),
        site_name=lambda: SITE.name,
    )


@dataclass
class House:
    """Somebody who has just signed in with a password."""

    kit: IdentityKit
    factors: SecondFactors
    token: str
    person: Principal

    def app(self) -> pyotp.TOTP:
        """Read the QR code."""
        secret = self.factors.codes.pending_secret(self.token)
        assert secret is not None
        return pyotp.TOTP(spelled(secret).replace(" ", ""))

    async def add_app(self) -> tuple[pyotp.TOTP, list[str]]:
        """Set up an authenticator app; the app and the recovery codes."""
        self.factors.codes.begin(self.token)
        app = self.app()
        done = await self.factors.codes.add(self.person, self.token, self.code(app), label="Phone")
        return app, done.codes

    def code(self, app: pyotp.TOTP) -> str:
        return app.at(int(self.kit.clock.now().timestamp()))

    async def add_key(self, key: Passkey | None = None) -> Passkey:
        made = key or Passkey(SITE.name, SITE.origin)
        options = await self.factors.passkeys.to_make(self.person, self.token, SITE)
        await self.factors.passkeys.add(self.person, self.token, made.make(options), SITE, label="Key")
        return made

    async def sign_in(self) -> None:
        self.token, _ = await self.kit.identity.sign_in("alice", PASSWORD, peer=PEER)

    async def shown(self) -> bool:
        principal = await self.kit.identity.principal_of(self.token)
        assert principal is not None
        return principal.second_at is not None

    async def type_code(self, code: str) -> bool:
        try:
            await self.factors.codes.show(self.person, self.token, code, peer=PEER)
        except NotAuthenticated:
            return False
        return True

    async def show_key(self, key: Passkey, change: Callable[[str], str] = lambda answer: answer) -> str:
        """Show a passkey; why it was not taken, empty when it was."""
        options = await self.factors.passkeys.to_show(self.person, self.token, SITE)
        try:
            answer = change(key.show(options))
            await self.factors.passkeys.show(self.person, self.token, answer, SITE, peer=PEER)
        except NotAuthenticated as error:
            return str(error.fields["why"])
        return ""


@pytest.fixture(autouse=True)
def _the_same_seed_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """With any other, a code that is meant to be wrong is right three times in a million."""
    monkeypatch.setattr(one_time_factors, "new_key", lambda: bytes(range(32)))


@pytest.fixture(name="house")
async def _house(kit: IdentityKit) -> House:
    await kit.identity.add_user("alice", PASSWORD)
    token, person = await kit.identity.sign_in("alice", PASSWORD, peer=PEER)
    return House(kit, make_factors(kit), token, person)


# -- one-time passwords


async def test_an_app_is_set_up_by_its_first_code(house: House) -> None:
    house.factors.codes.begin(house.token)
    with pytest.raises(NotPossible, match="not right"):
        await house.factors.codes.add(house.person, house.token, "000000", label="Phone")
    assert not house.factors.rule.is_enrolled(house.person.id)
    app = house.app()
    done = await house.factors.codes.add(house.person, house.token, house.code(app), label="Phone")
    assert len(done.codes) == 10
    assert house.factors.rule.is_enrolled(house.person.id)
    assert await house.shown()
    assert (await house.kit.audit())[-1]["kind"] == "second-factor-added"


async def test_a_code_is_good_once(house: House) -> None:
    app, _ = await house.add_app()
    # The code that set it up, in another session.
    await house.sign_in()
    assert not await house.type_code(house.code(app))
    house.kit.clock.advance(30)
    code = house.code(app)
    assert await house.type_code(code)
    assert await house.shown()
    await house.sign_in()
    assert not await house.shown()
    assert not await house.type_code(code)
    assert not await house.shown()
    assert (await house.kit.audit())[-1]["why"] == "wrong-code"
    house.kit.clock.advance(30)
    assert await house.type_code(house.code(app))


async def test_replay_is_refused_after_a_restart(house: House) -> None:
    app, _ = await house.add_app()
    house.kit.clock.advance(30)
    code = house.code(app)
    assert await house.type_code(code)
    house.factors = make_factors(house.kit)
    assert not await house.type_code(code)


async def test_five_tries(house: House) -> None:
    app, _ = await house.add_app()
    house.kit.clock.advance(60)
    for number in range(5):
        assert not await house.type_code(f"{number:06}")
    for code in (house.code(app), "999999"):
        with pytest.raises(TooManyAttempts):
            await house.factors.codes.show(house.person, house.token, code, peer="192.0.2.1")
    house.kit.clock.advance(900)
    await house.sign_in()
    assert await house.type_code(house.code(app))


async def test_recovery_codes_are_good_once(house: House) -> None:
    _, codes = await house.add_app()
    await house.sign_in()
    assert await house.type_code(codes[3].upper())
    await house.sign_in()
    assert not await house.type_code(codes[3])
    fresh = await house.factors.book.new_recovery_codes(house.person)
    assert not await house.type_code(codes[4])
    assert await house.type_code(fresh.codes[4])


async def test_secrets_are_sealed_or_hashed(house: House) -> None:
    app, codes = await house.add_app()
    stored = await house.kit.database.read(
        lambda c: b"".join(bytes(row[0]) for row in c.exec_driver_sql("SELECT secret FROM second_factors"))
    )
    for secret in (app.byte_secret(), *(code.encode() for code in codes)):
        assert secret not in stored
    house.factors = make_factors(house.kit, b"another key of thirty-two bytes!")
    with pytest.raises(Unavailable):
        await house.type_code("123456")


async def test_a_seed_belongs_to_its_session(house: House) -> None:
    house.factors.codes.begin(house.token)
    code = house.code(house.app())
    await house.sign_in()
    with pytest.raises(NotPossible, match="Begin again"):
        await house.factors.codes.add(house.person, house.token, code, label="Phone")


async def test_nothing_is_shown_in_a_session_that_is_over(house: House) -> None:
    app, codes = await house.add_app()
    house.kit.clock.advance(30)
    await house.kit.identity.sign_out(house.token)
    with pytest.raises(NotAuthenticated, match="not signed in"):
        await house.factors.codes.show(house.person, house.token, house.code(app), peer=PEER)
    await house.sign_in()
    # It was not used up.
    assert await house.type_code(house.code(app))
    assert codes


# -- passkeys


async def test_a_passkey_is_made_and_shown(house: House) -> None:
    key = await house.add_key()
    assert await house.shown()
    await house.sign_in()
    assert await house.show_key(key) == ""
    assert await house.shown()
    assert await house.show_key(key) == ""


async def test_a_synchronised_passkey_does_not_count(house: House) -> None:
    key = await house.add_key()
    for _ in range(3):
        key.counter = -1
        assert await house.show_key(key) == ""


async def test_a_copy_is_refused(house: House) -> None:
    key = await house.add_key()
    copy = Passkey(SITE.name, SITE.origin, 0, key.flags, key.credential_id, key.key)
    assert await house.show_key(key) == ""
    assert await house.show_key(key) == ""
    assert await house.show_key(copy) == "cloned"
    record = (await house.kit.audit())[-1]
    assert (record["kind"], record["why"]) == ("second-factor-failed", "cloned")
    assert await house.show_key(key) == ""


LIES: dict[str, tuple[Callable[[Passkey], Passkey], str]] = {
    "origin": (
        lambda key: Passkey(key.site, OTHER.origin, 0, key.flags, key.credential_id, key.key),
        "origin",
    ),
    "port": (
        lambda key: Passkey(key.site, SITE.origin + ":8443", 0, key.flags, key.credential_id, key.key),
        "origin",
    ),
    "site": (lambda key: Passkey(OTHER.name, SITE.origin, 0, key.flags, key.credential_id, key.key), "site"),
    "no PIN": (
        lambda key: Passkey(key.site, SITE.origin, 0, USER_PRESENT, key.credential_id, key.key),
        "verified",
    ),
    "another key": (lambda key: Passkey(key.site, SITE.origin, 0, key.flags, key.credential_id), "signature"),
    "another id": (lambda key: Passkey(key.site, SITE.origin, 0, key.flags, b"x" * 16, key.key), "unknown"),
}


@pytest.mark.parametrize("lie", LIES)
async def test_what_is_not_the_passkey_on_this_site(house: House, lie: str) -> None:
    change, why = LIES[lie]
    key = await house.add_key()
    await house.sign_in()
    assert await house.show_key(change(key)) == why
    assert not await house.shown()


async def test_somebody_elses_passkey_is_refused(house: House) -> None:
    await house.add_key()
    await house.kit.identity.add_user("bob", PASSWORD)
    token, bob = await house.kit.identity.sign_in("bob", PASSWORD, peer=PEER)
    his = await House(house.kit, house.factors, token, bob).add_key()
    assert await house.show_key(his) == "unknown"


async def test_challenges_are_good_once_and_in_their_session(house: House) -> None:
    key = await house.add_key()
    passkeys = house.factors.passkeys
    options = await passkeys.to_show(house.person, house.token, SITE)
    answer = key.show(options)
    first = house.token
    await house.sign_in()
    with pytest.raises(NotAuthenticated, match="too long"):
        await passkeys.show(house.person, house.token, answer, SITE, peer=PEER)
    await passkeys.show(house.person, first, answer, SITE, peer=PEER)
    with pytest.raises(NotAuthenticated, match="too long"):
        await passkeys.show(house.person, first, answer, SITE, peer=PEER)
    late = key.show(await passkeys.to_show(house.person, first, SITE))
    house.kit.clock.advance(301)
    with pytest.raises(NotAuthenticated, match="too long"):
        await passkeys.show(house.person, first, late, SITE, peer=PEER)


async def test_a_challenge_of_ones_own_is_refused(house: House) -> None:
    key = await house.add_key()
    options = json.loads(await house.factors.passkeys.to_show(house.person, house.token, SITE))
    options["challenge"] = "A" * 75
    with pytest.raises(NotAuthenticated, match="too long"):
        await house.factors.passkeys.show(
            house.person, house.token, key.show(json.dumps(options)), SITE, peer=PEER
        )


MALFORMED = [
    "",
    "{}",
    "[]",
    "null",
    '{"rawId": 1}',
    "[" * 8_000,
    "x" * 100_000,
    '{"response": {"clientDataJSON": 1}}',
]


@pytest.mark.parametrize("answer", MALFORMED)
async def test_what_is_no_answer(house: House, answer: str) -> None:
    await house.add_key()
    for attempt in (
        house.factors.passkeys.show(house.person, house.token, answer, SITE, peer=PEER),
        house.factors.passkeys.add(house.person, house.token, answer, SITE, label="Key"),
        house.factors.passkeys.who_shows(answer, SITE, peer=PEER),
    ):
        with pytest.raises(NotAuthenticated):
            await attempt


@pytest.mark.parametrize("part", ["authenticatorData", "clientDataJSON", "signature"])
async def test_no_changed_answer_is_accepted(house: House, part: str) -> None:
    """A character at a time: the checks end in a refusal, never in an error of ours."""
    key = await house.add_key()
    for place in range(0, 49, 7):

        def change(answer: str, place: int = place) -> str:
            content = json.loads(answer)
            text = content["response"][part]
            content["response"][part] = (
                text[:place] + ("A" if text[place] != "A" else "B") + text[place + 1 :]
            )
            return json.dumps(content)

        house.kit.clock.advance(1000)
        await house.sign_in()
        try:
            assert await house.show_key(key, change) != ""
        except TooManyAttempts:
            pytest.fail("the tries were spread over time")
        assert not await house.shown()


async def test_whose_passkey_it_is_without_a_name(house: House) -> None:
    key = await house.add_key()
    passkeys = house.factors.passkeys
    options = passkeys.to_sign_in(SITE)
    assert "allowCredentials" not in options or json.loads(options)["allowCredentials"] == []
    assert await passkeys.who_shows(key.show(options), SITE, peer=PEER) == house.person.id
    stranger = Passkey(SITE.name, SITE.origin)
    with pytest.raises(NotAuthenticated, match="not accepted"):
        await passkeys.who_shows(stranger.show(passkeys.to_sign_in(SITE)), SITE, peer=PEER)
    shown = key.show(await passkeys.to_show(house.person, house.token, SITE))
    with pytest.raises(NotAuthenticated, match="too long"):
        await passkeys.who_shows(shown, SITE, peer=PEER)


async def test_strangers_passkeys_count_for_their_place(house: House) -> None:
    passkeys = house.factors.passkeys
    for _ in range(20):
        with pytest.raises(NotAuthenticated):
            await passkeys.who_shows(
                Passkey(SITE.name, SITE.origin).show(passkeys.to_sign_in(SITE)), SITE, peer=PEER
            )
    with pytest.raises(TooManyAttempts):
        await passkeys.who_shows("{}", SITE, peer=PEER)


# -- looking after them


async def test_the_last_one_takes_the_recovery_codes_along(house: House) -> None:
    await house.add_app()
    await house.add_key()
    rows = [row for row in await house.factors.book.of(house.person.id) if row.kind != factors.RECOVERY]
    assert {row.kind for row in rows} == {"totp", "passkey"}
    await house.factors.book.remove(house.person, rows[0].id)
    assert house.factors.rule.is_enrolled(house.person.id)
    await house.factors.book.remove(house.person, rows[1].id)
    assert not house.factors.rule.is_enrolled(house.person.id)
    assert await house.factors.book.of(house.person.id) == []
    with pytest.raises(NotFound):
        await house.factors.book.remove(house.person, rows[1].id)


async def test_a_reset_ends_sessions(house: House) -> None:
    await house.add_app()
    assert await house.factors.book.reset(house.person.id, actor="uid:0") == 11
    assert await house.kit.identity.principal_of(house.token) is None
    assert not house.factors.rule.is_enrolled(house.person.id)
    record = (await house.kit.audit())[-1]
    assert (record["kind"], record["actor"], record["user"]) == (
        "second-factor-reset",
        "uid:0",
        house.person.id,
    )


async def test_the_rule_knows_them_after_a_restart(house: House) -> None:
    await house.add_app()
    rule = SecondRule()
    await house.kit.database.read(rule.load)
    assert rule.is_enrolled(house.person.id)


async def test_a_passkey_is_set_up_once(house: House) -> None:
    key = await house.add_key()
    with pytest.raises(NotPossible, match="already"):
        await house.add_key(key)
