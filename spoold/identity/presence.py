"""Whether people still have the accounts that something stands for: directories are asked every few minutes.

A token works for months while its owner is away. Accounts of spoold's own end in its own records; of a
directory's nobody tells us when they end.
"""

import enum
from functools import partial

import structlog

from spoold.identity.answers import Answers
from spoold.identity.kept import SignInAgain
from spoold.identity.offices import Confirm
from spoold.identity.provider import LOCAL
from spoold.identity.providers import ProviderGone
from spoold.model.errors import Busy, NotAuthorized, Unavailable
from spoold.model.principal import Principal
from spoold.runtime.clock import Clock

log = structlog.get_logger()

# How long a yes counts (seconds), as with offices: a token's reading and deleting end this late at most.
THERE_S = 180.0
# A program asks on whatever it is told, ten times a second if it likes; the directory hears of it once.
PAUSE_S = 15.0
# People whose answers are remembered, about 200 bytes each; above that directories are asked more often.
MAX_REMEMBERED = 10_000


class Presence(enum.Enum):
    """What is known of an account at this moment."""

    THERE = "there"
    # Gone or closed where it is kept, or that place is not configured any more.
    GONE = "gone"
    # Nobody has vouched for its owner within the term.
    TERM_OVER = "term-over"
    # Its provider cannot be asked.
    NOT_KNOWN = "not-known"


class Presences:
    """Asks for people, and remembers for a while what was said.

    Args:
        confirm: asks the provider of the account at this moment.
    """

    def __init__(self, clock: Clock, confirm: Confirm) -> None:
        self._confirm = confirm
        self._answers = Answers[Presence](clock, MAX_REMEMBERED)

    async def of(self, principal: Principal) -> Presence:
        """Return whether somebody's account is there; for people of spoold's own the caller has its row."""
        if principal.provider == LOCAL:
            return Presence.THERE
        return await self._answers.of(principal.id, partial(self._ask, principal), fits=lambda _: True)

    async def _ask(self, principal: Principal) -> tuple[Presence, float]:
        try:
            await self._confirm(principal)
        except SignInAgain:
            return Presence.TERM_OVER, PAUSE_S
        except NotAuthorized:
            return Presence.GONE, PAUSE_S
        except ProviderGone:
            # Nobody is asked again until the configuration has it back: no reason to have programs wait.
            return Presence.GONE, PAUSE_S
        except (Unavailable, Busy) as error:
            log.warning("account-not-confirmed", user=principal.id, kind=error.kind)
            return Presence.NOT_KNOWN, PAUSE_S
        return Presence.THERE, THERE_S
