"""Second factors: everything that the doors need of them."""

from collections.abc import Callable

from holdstore.keyring import Keyring
from spoold.database.engine import Database
from spoold.identity.factor_book import FactorBook
from spoold.identity.guesses import Guesses
from spoold.identity.one_time_factors import OneTimeFactors
from spoold.identity.passkey_factors import PasskeyFactors
from spoold.identity.second_rule import SecondRule
from spoold.identity.sessions import Sessions
from spoold.runtime.clock import Clock


class SecondFactors:
    """The book of who has which, and the two ways to show one.

    Args:
        keyring: seals the seeds of one-time passwords.
        rule: who has to show one.
        site_name: the host name that passkeys are bound to.
    """

    def __init__(
        self,
        *,
        database: Database,
        clock: Clock,
        guesses: Guesses,
        rule: SecondRule,
        keyring: Keyring,
        site_name: Callable[[], str],
    ) -> None:
        self.rule = rule
        self.site_name = site_name
        self.book = FactorBook(
            database=database, clock=clock, sessions=Sessions(), guesses=guesses, rule=rule
        )
        self.codes = OneTimeFactors(self.book, keyring)
        self.passkeys = PasskeyFactors(self.book)
