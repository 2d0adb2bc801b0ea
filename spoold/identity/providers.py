"""The providers of accounts in the order of the configuration: the first that knows a name decides."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from spoold.identity.claim import Claim
from spoold.identity.people_of_directories import qualified
from spoold.identity.provider import Accepted, Account, Authenticator, Finding, NotHere
from spoold.model.errors import Unavailable
from spoold.model.ids import UserId


class ProviderGone(Unavailable):
    """The provider of an account is not configured any more: waiting does not bring the account back."""


class Providers:
    """Asks one provider after the other.

    A provider that cannot be asked is not skipped: the next one may know another person by the same
    name, and that person would be handed the jobs of this one.
    """

    def __init__(self, order: Sequence[Authenticator]) -> None:
        self.order = tuple(order)

    @property
    def names(self) -> tuple[str, ...]:
        """Their names, in order."""
        return tuple(provider.name for provider in self.order)

    async def check(self, claim: Claim) -> tuple[Authenticator, Finding]:
        """Have a name and password checked; returns whose answer it is.

        Raises:
            Unavailable, Busy: not decided.
        """
        # RFC 4513 5.1.2: a directory takes an empty password for "anonymous" and says yes.
        if not claim.password.reveal():
            return self.order[0], NotHere()
        return await self._ask(claim.name, lambda provider: provider.check(claim.name, claim.password))

    async def find(self, name: str, *, only: str | None = None) -> Finding:
        """Look an account up by its canonical name, without a password; raises as `check`.

        Args:
            only: the one provider that may answer.
        """

        async def ask(provider: Authenticator) -> Finding:
            return await provider.find(name) if only in {None, provider.name} else NotHere()

        # Whoever was not asked may know somebody by the same name.
        _, finding = await self._ask(name if only is None else "", ask)
        return finding

    async def again(self, account_id: UserId, provider_name: str) -> Finding:
        """Look an account up as its provider has it now.

        Raises:
            ProviderGone: it is not configured any more.
            Unavailable: it cannot be asked.
        """
        for provider in self.order:
            if provider.name == provider_name:
                return await provider.again(account_id)
        raise ProviderGone(
            "The directory that knows your account is not in use any more. Ask an administrator.",
            provider=provider_name,
        )

    def counted(self, name: str) -> str:
        """Return the name under which failed sign-ins of a typed name are counted."""
        for provider in self.order:
            alias = provider.alias(name)
            if alias is not None and alias != name:
                return alias
        return name

    async def _ask(
        self, name: str, ask: Callable[[Authenticator], Awaitable[Finding]]
    ) -> tuple[Authenticator, Finding]:
        provider = self.order[0]
        for place, provider in enumerate(self.order):
            finding = await ask(provider)
            if isinstance(finding, Accepted):
                return provider, await self._distinct(finding, name, self.order[:place])
            if not isinstance(finding, NotHere):
                return provider, finding
        return provider, NotHere()

    async def distinct(self, account: Account) -> Account:
        """Return somebody whom nobody here was asked for by name, under a name that is not another's.

        For people of providers that choose their names without us; raises as `check`.
        """
        earlier = [provider for provider in self.order if provider.name != account.provider]
        accepted = await self._distinct(Accepted(account), "", earlier)
        return accepted.account

    async def _distinct(self, finding: Accepted, name: str, earlier: Sequence[Authenticator]) -> Accepted:
        """Tell a person who was asked for with a domain from one whom an earlier provider calls the same."""
        account = finding.account
        if account.name == name:
            return finding
        for provider in earlier:
            if not isinstance(await provider.find(account.name), NotHere):
                return Accepted(replace(account, name=qualified(account.name, account.provider)))
        return finding
