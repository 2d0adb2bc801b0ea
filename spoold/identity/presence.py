"""Whether people still have the accounts that something stands for: directories are asked every few minutes.

A token works for months while its owner is away. Accounts of spoold's own end in its own records; of a
directory's nobody tells us when they end.
"""

import enum
from collections import OrderedDict
from dataclasses import dataclass

import structlog
import trio

from spoold.identity.kept import SignInAgain
from spoold.identity.offices import Confirm
from spoold.identity.provider import LOCAL
from spoold.identity.providers import ProviderGone
from spoold.model.errors import Busy, NotAuthorized, Unavailable
from spoold.model.ids import UserId
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


@dataclass(frozen=True, slots=True)
class _Answer:
    presence: Presence
    until_s: float


class Presences:
    """Asks for people, and remembers for a while what was said.

    Args:
        confirm: asks the provider of the account at this moment.
    """

    def __init__(self, clock: Clock, confirm: Confirm) -> None:
        self._clock = clock
        self._confirm = confirm
        self._answers: OrderedDict[UserId, _Answer] = OrderedDict()
        self._asking: dict[UserId, trio.Lock] = {}

    async def of(self, principal: Principal) -> Presence:
        """Return whether somebody's account is there; for people of spoold's own the caller has its row."""
        if principal.provider == LOCAL:
            return Presence.THERE
        answer = self._remembered(principal.id)
        if answer is None:
            # One question at a time: programs send several requests at once.
            asking = self._asking.setdefault(principal.id, trio.Lock())
            try:
                async with asking:
                    answer = self._remembered(principal.id) or await self._ask(principal)
            finally:
                if not asking.locked():
                    self._asking.pop(principal.id, None)
        return answer.presence

    def _remembered(self, user_id: UserId) -> _Answer | None:
        answer = self._answers.get(user_id)
        return None if answer is None or answer.until_s <= self._clock.monotonic_s() else answer

    async def _ask(self, principal: Principal) -> _Answer:
        presence = Presence.THERE
        try:
            await self._confirm(principal)
        except SignInAgain:
            presence = Presence.TERM_OVER
        except NotAuthorized:
            presence = Presence.GONE
        except ProviderGone:
            # Nobody is asked again until the configuration has it back: no reason to have programs wait.
            presence = Presence.GONE
        except (Unavailable, Busy) as error:
            log.warning("account-not-confirmed", user=principal.id, kind=error.kind)
            presence = Presence.NOT_KNOWN
        good_s = THERE_S if presence is Presence.THERE else PAUSE_S
        answer = _Answer(presence, self._clock.monotonic_s() + good_s)
        self._answers.pop(principal.id, None)
        self._answers[principal.id] = answer
        while len(self._answers) > MAX_REMEMBERED:
            self._answers.popitem(last=False)
        return answer
