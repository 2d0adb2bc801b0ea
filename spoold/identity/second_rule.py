"""Who has to show a second factor, and what somebody may do who has not shown one."""

from collections.abc import Callable
from dataclasses import replace
from typing import ClassVar

from sqlalchemy import Connection

from spoold.database import factors
from spoold.model.errors import NotAuthenticated, NotAuthorized
from spoold.model.ids import UserId
from spoold.model.principal import Method, Principal, Role

# [identity] second_factor, and the roles that it makes show one.
WHO_MUST: dict[str, frozenset[Role]] = {
    "off": frozenset(),
    "administrators": frozenset({Role.ADMINISTRATOR}),
    "staff": frozenset({Role.ADMINISTRATOR, Role.OPERATOR}),
    "everyone": frozenset(Role),
}
# A badge comes with a PIN and a passkey with a PIN or finger; a token was made by somebody who had shown one;
# the others prove nobody who could.
_ENOUGH = frozenset(
    {
        Method.PASSKEY,
        Method.BADGE,
        Method.TOKEN,
        Method.PRINT_URI,
        Method.CONTROL_SOCKET,
        Method.ON_ARRIVAL,
        Method.ADDRESS,
    }
)


class SecondFactorNeeded(NotAuthenticated):
    """The password was right, and is not enough.

    Args:
        enrolled: whether this person has a second factor to show; else one has to be set up first.
    """

    kind: ClassVar[str] = "second-factor-needed"

    def __init__(self, *, enrolled: bool, **fields: object) -> None:
        super().__init__("Show your second factor first.", **fields)
        self.enrolled = enrolled


class SecondRule:
    """Decides from memory: it is asked for every request.

    Args:
        wanted: [identity] second_factor as it is now.
    """

    def __init__(self, wanted: Callable[[], str] = lambda: "off") -> None:
        self._wanted = wanted
        self._enrolled: set[UserId] = set()

    def load(self, connection: Connection) -> None:
        """Read who has a second factor; once, before anybody is let in."""
        self._enrolled = factors.people_with_factors(connection)

    def is_enrolled(self, user_id: UserId) -> bool:
        """Tell whether this person has one."""
        return user_id in self._enrolled

    def note(self, user_id: UserId, *, enrolled: bool) -> None:
        """Take over what was just written."""
        (self._enrolled.add if enrolled else self._enrolled.discard)(user_id)

    def must(self, principal: Principal) -> bool:
        """Tell whether the configuration makes this person have one."""
        return principal.role in WHO_MUST[self._wanted()]

    def is_missing(self, principal: Principal) -> bool:
        """Tell whether this person has to show a second factor and has not."""
        if principal.second_at is not None or principal.method in _ENOUGH:
            return False
        return self.is_enrolled(principal.id) or self.must(principal)

    def check(self, principal: Principal) -> None:
        """Refuse whoever still has to show one.

        Raises:
            SecondFactorNeeded: with what to do next.
        """
        if self.is_missing(principal):
            raise SecondFactorNeeded(enrolled=self.is_enrolled(principal.id), user=principal.id)

    def bounded(self, principal: Principal, *, fresh: bool) -> Principal:
        """Return what a password alone makes of somebody, where no second factor can be shown.

        Printing and looking at one's own jobs go on: no paper comes of that. No office is held by a
        password alone, and nothing is let out or changed by it.

        Args:
            fresh: whether it is for what lets paper out or changes something.

        Raises:
            NotAuthorized: it is, and a second factor is missing.
        """
        if not self.is_missing(principal):
            return principal
        if fresh:
            raise NotAuthorized(
                "Your account needs a second factor for this. Sign in to the portal, or use an API token.",
                user=principal.id,
            )
        return replace(principal, role=Role.USER)
