"""Keeps spoold below a directory's own lockout: how many wrong passwords of one account it is asked about.

Counted by account, not by name: "ana", "LAB\\ana" and "ana@lab.example" are one account there. A directory
that locks it locks the person out of everything, not only of printing.

A password counts from the moment it is sent. Only a yes gives it back: a directory that answers too late, or
never, may have counted it all the same.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from spoold.database.people import FailureRow
from spoold.model.ids import UserId
from spoold.runtime.clock import Clock

_PREFIX = "user:"
# Accounts with a wrong password within the window; the one whose last is longest ago goes first.
MAX_ACCOUNTS = 65_536


@dataclass(slots=True, eq=False)
class Shown:
    """A password that was sent to a server.

    Args:
        at_s: when, on the monotonic clock.
        right: what the server said of it; None until it says something.
    """

    at_s: float
    right: bool | None = None


class PassThrough:
    """The budget of wrong passwords that one directory is asked about.

    Args:
        failures: of one account within the window; less than the directory's own lockout threshold.
        window_s: at least as long as the directory remembers failures.
    """

    def __init__(self, clock: Clock, *, failures: int, window_s: float) -> None:
        if failures < 1:
            raise ValueError("a directory that locks at the first wrong password cannot be asked at all")
        self._clock = clock
        self._failures = failures
        self._window_s = window_s
        self._accounts: dict[UserId, deque[Shown]] = {}

    def send(self, account_id: UserId) -> Shown | None:
        """Count a password that is about to be sent; None when the directory may not be asked now."""
        account = self._account(account_id)
        if len(self._recent(account)) >= self._failures:
            return None
        shown = Shown(self._clock.monotonic_s())
        account.append(shown)
        return shown

    def give_back(self, account_id: UserId, shown: Shown) -> None:
        """Take back what was counted for a password that was right; earlier ones still count."""
        account = self._accounts.get(account_id)
        if account is not None and shown in account:
            account.remove(shown)

    def in_doubt(self, account_id: UserId) -> bool:
        """Tell whether some of what counts has had no answer: whoever is stopped by that guessed nothing."""
        account = self._accounts.get(account_id)
        return account is not None and any(one.right is None for one in self._recent(account))

    def restore(self, rows: Iterable[FailureRow], wall: datetime) -> None:
        """Take over what was counted before a restart, each failure at the time of the last one."""
        now = self._clock.monotonic_s()
        for row in rows:
            if row.subject.startswith(_PREFIX):
                account = self._account(UserId(row.subject.removeprefix(_PREFIX)))
                last = now - max(0.0, (wall - row.last_at).total_seconds())
                count = min(row.failures, self._failures)
                account.extendleft(Shown(last, right=False) for _ in range(count))

    def _account(self, account_id: UserId) -> deque[Shown]:
        found = self._accounts.get(account_id)
        if found is None:
            if len(self._accounts) >= MAX_ACCOUNTS:
                self._make_room()
            found = self._accounts[account_id] = deque()
        return found

    def _make_room(self) -> None:
        for account_id, account in list(self._accounts.items()):
            if not self._recent(account):
                del self._accounts[account_id]
        while len(self._accounts) >= MAX_ACCOUNTS:
            del self._accounts[next(iter(self._accounts))]

    def _recent(self, account: deque[Shown]) -> deque[Shown]:
        now = self._clock.monotonic_s()
        while account and account[0].at_s <= now - self._window_s:
            account.popleft()
        return account
