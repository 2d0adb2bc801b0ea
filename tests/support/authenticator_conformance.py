"""What every source of accounts must do; a provider's tests inherit from `AuthenticatorConformance`."""

from spoold.identity.provider import Accepted, Authenticator, NotHere, Rejected
from spoold.identity.secret import Secret

TRICKS = (
    "",
    " ",
    "*",
    "*)(uid=*",
    "al\0ice",
    "alice\0",
    "alice ",
    "' OR '1'='1",
    "a" * 255,
    "../alice",
    "alice:x",
)


class AuthenticatorConformance:
    """The rules of `spoold.identity.provider.Authenticator`.

    Subclasses provide a fixture `provider` whose source has the open account "alice" with the password
    "correct horse" and the closed account "mallory" with the same password.
    """

    async def test_a_right_password_gives_the_account_asked_for(self, provider: Authenticator) -> None:
        finding = await provider.check("alice", Secret("correct horse"))
        assert isinstance(finding, Accepted)
        assert finding.account.name == "alice"
        assert finding.account.id

    async def test_the_id_stays_the_same(self, provider: Authenticator) -> None:
        first = await provider.check("alice", Secret("correct horse"))
        second = await provider.check("alice", Secret("correct horse"))
        assert isinstance(first, Accepted)
        assert isinstance(second, Accepted)
        assert first.account.id == second.account.id

    async def test_a_wrong_password_is_rejected_for_the_account(self, provider: Authenticator) -> None:
        for wrong in (
            "wrong",
            "Correct horse",
            "correct horse ",
            "correct hors",
            "correct horse\0",
            "x" * 5000,
        ):
            finding = await provider.check("alice", Secret(wrong))
            assert isinstance(finding, Rejected)
            assert finding.account_id

    async def test_an_empty_password_is_never_right(self, provider: Authenticator) -> None:
        assert not isinstance(await provider.check("alice", Secret("")), Accepted)
        assert not isinstance(await provider.check("nobody", Secret("")), Accepted)

    async def test_an_unknown_name_is_left_to_the_next_provider(self, provider: Authenticator) -> None:
        assert isinstance(await provider.check("nobody", Secret("correct horse")), NotHere)

    async def test_tricks_in_the_name_open_nothing(self, provider: Authenticator) -> None:
        for name in TRICKS:
            assert not isinstance(await provider.check(name, Secret("correct horse")), Accepted), name

    async def test_a_closed_account_is_rejected_in_any_case(self, provider: Authenticator) -> None:
        finding = await provider.check("mallory", Secret("correct horse"))
        assert isinstance(finding, Rejected)
