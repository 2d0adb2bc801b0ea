"""Offices: whether people of directories still are the operators and administrators that they signed in as.

A session lasts a working day, and an office may end within it. Roles of spoold's own accounts are read with
each request; a directory is asked every few minutes, and only about people who hold an office.
"""

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime

import structlog
import trio

from spoold.identity.provider import LOCAL
from spoold.model.errors import Busy, Unavailable
from spoold.model.ids import UserId  # noqa: TC001 - as every other of this file
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
    until_s: float


class Offices:
    """Lowers the roles of sessions to what the people's directories say; never raises them.

    Error handling: while a directory cannot be asked, its people hold no office; what is theirs goes on.
    """

    def __init__(self, clock: Clock, confirm: Confirm) -> None:
        self._clock = clock
        self._confirm = confirm
        self._answers: OrderedDict[UserId, _Answer] = OrderedDict()
        self._asking: dict[UserId, trio.Lock] = {}

    async def held(self, principal: Principal) -> Principal:
        """Return somebody with the office they hold now.

        Raises:
            NotAuthorized: the account is gone or closed there.
        """
        if principal.role is Role.USER or principal.provider == LOCAL:
            return principal
        answer = self._remembered(principal)
        if answer is None:
            # One question at a time: a page and its parts want to know the same thing.
            asking = self._asking.setdefault(principal.id, trio.Lock())
            try:
                async with asking:
                    answer = self._remembered(principal) or await self._ask(principal)
            finally:
                if not asking.locked():
                    self._asking.pop(principal.id, None)
        return replace(principal, role=min(principal.role, answer.role, key=_ROLES.index))

    def _remembered(self, principal: Principal) -> _Answer | None:
        answer = self._answers.get(principal.id)
        if answer is None or answer.until_s <= self._clock.monotonic_s():
            return None
        # Whoever has signed in since was looked up anew, perhaps with another role.
        return answer if principal.proven_at <= answer.good_for else None

    async def _ask(self, principal: Principal) -> _Answer:
        # The wall clock may have been set back since they signed in.
        good_for = max(self._clock.now(), principal.proven_at)
        try:
            role, good_s = (await self._confirm(principal)).role, OFFICE_S
        except (Unavailable, Busy) as error:
            log.warning("office-not-confirmed", user=principal.id, kind=error.kind)
            role, good_s = Role.USER, PAUSE_S
        answer = _Answer(role, good_for, self._clock.monotonic_s() + good_s)
        self._answers.pop(principal.id, None)
        self._answers[principal.id] = answer
        while len(self._answers) > MAX_REMEMBERED:
            self._answers.popitem(last=False)
        return answer
