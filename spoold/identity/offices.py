"""Offices: whether people of directories still are the operators and administrators that they signed in as.

A session lasts a working day, and an office may end within it. Roles of spoold's own accounts are read with
each request; a directory is asked every few minutes, and only about people who hold an office.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

import structlog

from spoold.identity.answers import Answers
from spoold.identity.provider import LOCAL
from spoold.model.errors import Busy, Unavailable
from spoold.model.principal import Principal, Role
from spoold.runtime.clock import Clock

log = structlog.get_logger()

# How long what the directory said counts (seconds): the rights of an office end this late at most.
OFFICE_S = 180.0
# A directory that did not answer is not asked for every page: each question may take seconds.
PAUSE_S = 15.0
# People with an office whose answers are remembered; a site has a handful.
MAX_REMEMBERED = 1_000
_ROLES = tuple(Role)

# Somebody with the role of this moment; raises as `spoold.identity.admission.Admission.confirmed`.
Confirm = Callable[[Principal], Awaitable[Principal]]


@dataclass(frozen=True, slots=True)
class _Answer:
    role: Role
    good_for: datetime


class Offices:
    """Lowers the roles of sessions to what the people's directories say; never raises them.

    Error handling: while a directory cannot be asked, its people hold no office; what is theirs goes on.
    """

    def __init__(self, clock: Clock, confirm: Confirm) -> None:
        self._clock = clock
        self._confirm = confirm
        self._answers = Answers[_Answer](clock, MAX_REMEMBERED)

    async def held(self, principal: Principal) -> Principal:
        """Return somebody with the office they hold now.

        Raises:
            NotAuthorized: the account is gone or closed there.
        """
        if principal.role is Role.USER or principal.provider == LOCAL:
            return principal
        answer = await self._answers.of(
            principal.id,
            partial(self._ask, principal),
            # Whoever has signed in since was looked up anew, perhaps with another role.
            fits=lambda known: principal.proven_at <= known.good_for,
        )
        return replace(principal, role=min(principal.role, answer.role, key=_ROLES.index))

    async def _ask(self, principal: Principal) -> tuple[_Answer, float]:
        # The wall clock may have been set back since they signed in.
        good_for = max(self._clock.now(), principal.proven_at)
        try:
            return _Answer((await self._confirm(principal)).role, good_for), OFFICE_S
        except (Unavailable, Busy) as error:
            log.warning("office-not-confirmed", user=principal.id, kind=error.kind)
            return _Answer(Role.USER, good_for), PAUSE_S
