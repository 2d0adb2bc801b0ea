"""Writes down sign-ins that were refused, without letting whoever is refused fill the records."""

from collections import OrderedDict

from spoold.database.engine import Database
from spoold.identity.places import home_of
from spoold.model.ids import UserId
from spoold.model.principal import Method
from spoold.records import audit
from spoold.runtime.clock import Clock
from spoold.runtime.metrics import Metrics

# Refusals of one kind from one address are recorded once in this time; metrics count them all.
QUIET_S = 60.0
# Addresses and reasons that are remembered; the oldest go first, and are then recorded once more.
_MAX_QUIET = 4_096


class Refusals:
    """Records refusals of what cannot be guessed, tickets and tokens: nobody is locked out for them.

    Args:
        method: how people would have signed in.
    """

    def __init__(self, method: Method, database: Database, clock: Clock, metrics: Metrics) -> None:
        self._method = method
        self._database = database
        self._clock = clock
        self._metrics = metrics
        # (place, why) of what was recorded, and until when more of it is not.
        self._quiet: OrderedDict[tuple[str, str], float] = OrderedDict()

    async def note(self, peer: str, why: str, user: UserId | None = None) -> None:
        """Count a refusal; the first of its kind from a place is an audit record, then one a minute.

        Args:
            why: a stable word; never anything that was sent.
            user: the account, where it is known.
        """
        self._metrics.sign_in("rejected")
        now = self._clock.monotonic_s()
        subject = home_of(peer), why
        if self._quiet.get(subject, now) > now:
            return
        self._quiet[subject] = now + QUIET_S
        self._quiet.move_to_end(subject)
        while len(self._quiet) > _MAX_QUIET:
            self._quiet.popitem(last=False)
        await self._database.write(
            lambda connection: audit.append(
                connection,
                at=self._clock.now(),
                kind="sign-in-failed",
                actor=f"unproven:{peer}",
                user=user,
                method=self._method.value,
                why=why,
            )
        )
