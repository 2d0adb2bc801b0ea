"""Keeps spoold below a directory's own lockout: how many wrong passwords of one account it is asked about.

Counted by account, not by name: "ana", "LAB\\ana" and "ana@lab.example" are one account there. A directory
that locks it locks the person out of everything, not only of printing.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from spoold.database.people import FailureRow
from spoold.model.ids import UserId
from spoold.runtime.clock import Clock

_PREFIX = "user:"
# Accounts with a wrong password within the window; the one whose last is longest ago goes first.
MAX_ACCOUNTS = 65_536


@dataclass(slots=True)
class _Account:
    times: deque[float] = field(default_factory=deque)
    checking: int = 0


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
        self._accounts: dict[UserId, _Account] = {}

    def allows(self, account_id: UserId) -> bool:
        """Tell whether the directory may be asked about a password of this account now."""
        account = self._accounts.get(account_id)
        return account is None or len(self._recent(account)) + account.checking < self._failures

    def begin(self, account_id: UserId) -> None:
        """Say that the directory is being asked; `failed` or `passed` says how it ended."""
        self._account(account_id).checking += 1

    def passed(self, account_id: UserId) -> None:
        """Say that the password was right, or that nothing was decided; earlier failures still count."""
        account = self._account(account_id)
        account.checking = max(account.checking - 1, 0)

    def failed(self, account_id: UserId) -> None:
        """Count a password that the directory refused."""
        account = self._account(account_id)
        account.checking = max(account.checking - 1, 0)
        account.times.append(self._clock.monotonic_s())

    def restore(self, rows: Iterable[FailureRow], wall: datetime) -> None:
        """Take over what was counted before a restart, each failure at the time of the last one."""
        now = self._clock.monotonic_s()
        for row in rows:
            if row.subject.startswith(_PREFIX):
                account = self._account(UserId(row.subject.removeprefix(_PREFIX)))
                last = now - max(0.0, (wall - row.last_at).total_seconds())
                account.times.extend([last] * min(row.failures, self._failures))

    def _account(self, account_id: UserId) -> _Account:
        found = self._accounts.get(account_id)
        if found is None:
            if len(self._accounts) >= MAX_ACCOUNTS:
                self._make_room()
            found = self._accounts[account_id] = _Account()
        return found

    def _make_room(self) -> None:
        for account_id, account in list(self._accounts.items()):
            if not self._recent(account) and not account.checking:
                del self._accounts[account_id]
        while len(self._accounts) >= MAX_ACCOUNTS:
            del self._accounts[next(iter(self._accounts))]

    def _recent(self, account: _Account) -> deque[float]:
        now = self._clock.monotonic_s()
        while account.times and account.times[0] <= now - self._window_s:
            account.times.popleft()
        return account.times
