"""Answers that are given again, as they stand, to a request that is the same octet for octet.

Clients of a printer ask one thing over and over: how are you? The answer depends on what they send, the
configuration, the queue's moment and the second of the day. While those are the same, the answer is the same
but for the request-id (RFC 8010 3.1.1), whose four octets are left out of the comparison. The key is the
whole HTTP request, head and body, so that nothing it says can be overlooked: who asks, for which host, with
which password. It was read in full, by every rule, the first time.
"""

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from datetime import datetime, timedelta

from protocols.ipp.operations import Operation
from spoold.model.queue import Queue
from spoold.model.site import CurrentSite, Site
from spoold.runtime.clock import Clock
from spoold.runtime.metrics import Metrics

# Different questions of one second; a busy site has ten kinds of clients, and each may name us otherwise.
MAX_KEPT = 256
# The longest question seen (CUPS, 25 attribute names) has 1,200 octets. Longer ones are read each time.
MAX_REQUEST_OCTETS = 4096
# Everything there is to say about a queue takes 8 to 60 KiB.
MAX_ANSWER_OCTETS = 128 * 1024
_HEAD_END = b"\r\n\r\n"
# version-number (2), operation-id (2), request-id (4).
_OPERATION = slice(2, 4)
_ID_AT, _ID_END = 4, 8
_REPEATABLE = frozenset({Operation.GET_PRINTER_ATTRIBUTES.to_bytes(2)})
_SECOND = timedelta(seconds=1)
# How late a change may be seen that comes from elsewhere: a printer, the portal, the queues' own count, which
# is a second old as it is. What a request to this door changes is seen by the next one.
_LOOK_EVERY = timedelta(milliseconds=20)


@dataclass(frozen=True, slots=True)
class Moment:
    """When an answer is right: one second from `since`, in this configuration, in this state of a queue."""

    site: Site
    queue: Queue
    state: Hashable
    since: datetime


@dataclass(frozen=True, slots=True)
class _Kept:
    before_id: bytes
    after_id: bytes
    moment: Moment
    until: datetime


class Repeats:
    """The memory of answers; the HTTP server asks it before it reads a request (`protocols.http.repeats`).

    Args:
        site: the configuration in force.
        state: everything else that an answer about a queue depends on (`QueueAttributes.moment`).
    """

    def __init__(
        self, site: CurrentSite, state: Callable[[Queue], Hashable], clock: Clock, metrics: Metrics
    ) -> None:
        self._site = site
        self._state = state
        self._clock = clock
        self._metrics = metrics
        # By whether the request came over TLS.
        self._kept: tuple[dict[bytes, _Kept], dict[bytes, _Kept]] = ({}, {})
        self._until = clock.now()
        # The states of queues when they were last looked at: finding one out takes longer than an answer.
        self._states: dict[str, Hashable] = {}
        self._looked_at = self._look_again_at = self._until

    def moment(self, site: Site, queue: Queue) -> Moment:
        """Return the present moment of a queue; to be taken before its answer is made."""
        since = self._clock.now().replace(microsecond=0)
        return Moment(site, queue, self._state(queue), since)

    def something_was_done(self) -> None:
        """A request was read: whatever it was, the states of queues are looked at anew."""
        self._states.clear()

    def recall(self, octets: bytes, *, tls: bool) -> bytes | None:
        """Return the whole answer to a request (head and body), or None if it has to be read."""
        body = octets.find(_HEAD_END) + len(_HEAD_END)
        if octets[body + 2 : body + 4] not in _REPEATABLE:
            return None
        kept = self._kept[tls].get(octets[: body + _ID_AT] + octets[body + _ID_END :])
        if kept is None:
            return None
        moment, now = kept.moment, self._clock.now()
        if (
            not moment.since <= now < kept.until
            or moment.site is not self._site()
            or moment.state != self._state_now(moment.queue, now)
        ):
            return None
        request_id = octets[body + _ID_AT : body + _ID_END]
        if not b"\0\0\0\0" < request_id < b"\x80":
            # RFC 8011 4.1.1: 1 to 2**31 - 1; the answer to another one is a refusal.
            return None
        self._metrics.http_answered("ipp", 200)
        return b"%b%b%b" % (kept.before_id, request_id, kept.after_id)

    def _state_now(self, queue: Queue, now: datetime) -> Hashable:
        if not self._looked_at <= now < self._look_again_at:
            self._states.clear()
            self._looked_at, self._look_again_at = now, now + _LOOK_EVERY
        state = self._states.get(queue.name)
        if state is None:
            state = self._states[queue.name] = self._state(queue)
        return state

    def keep(self, octets: bytes, answer: bytes, moment: object, *, tls: bool) -> None:
        """Remember the answer that was given to `octets`; both are whole HTTP messages."""
        if not isinstance(moment, Moment):
            return
        if moment.since >= self._until:
            # Whatever is in there is of an earlier second.
            self._until = moment.since + _SECOND
            self._kept = ({}, {})
        kept = self._kept[tls]
        body, answered = octets.find(_HEAD_END) + 4, answer.find(_HEAD_END) + 4
        if (
            len(kept) < MAX_KEPT
            and len(octets) <= MAX_REQUEST_OCTETS
            and len(answer) <= MAX_ANSWER_OCTETS
            and octets[body + _ID_AT : body + _ID_END] == answer[answered + _ID_AT : answered + _ID_END]
        ):
            kept[octets[: body + _ID_AT] + octets[body + _ID_END :]] = _Kept(
                answer[: answered + _ID_AT], answer[answered + _ID_END :], moment, moment.since + _SECOND
            )
