"""How often each token is used: so many calls in a window, and the first that is one too many told apart."""

from dataclasses import dataclass

from spoold.model.errors import TooManyAttempts
from spoold.runtime.clock import Clock

# Each call is a record for ever: ten a second is more than any program needs, and 4 MB of records an hour.
MAX_CALLS_EACH = 600
CALLS_WINDOW_S = 60.0


@dataclass(slots=True)
class _Calls:
    """Calls with one token within the current window."""

    since_s: float
    number: int = 0


class TokenRates:
    """Counts calls with tokens that exist and were proven: there are few of them."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._calls: dict[str, _Calls] = {}

    def count(self, token_id: str) -> None:
        """Count a call.

        Raises:
            TooManyAttempts: it is one too many; `fields["retry_after_s"]` says for how long,
                `fields["first"]` whether it is the first such call in this window.
        """
        now = self._clock.monotonic_s()
        calls = self._calls.get(token_id)
        if calls is None or now - calls.since_s >= CALLS_WINDOW_S:
            calls = self._calls[token_id] = _Calls(now)
        calls.number += 1
        if calls.number > MAX_CALLS_EACH:
            raise TooManyAttempts(
                "This token is used too often; ask less often.",
                retry_after_s=calls.since_s + CALLS_WINDOW_S - now,
                first=calls.number == MAX_CALLS_EACH + 1,
            )
