"""Subscriptions and the events they have seen: in memory, bounded, gone with the daemon (RFC 3995, 3996).

Nobody publishes anything. What happens to jobs stands in their time lines, durably and in order; a
subscription remembers how far it has read them, and reads on when its client asks. What nobody asks for costs
nothing.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from protocols.ipp.message import Attribute
from spoold.model.errors import Busy, NotFound
from spoold.model.principal import Principal

# RFC 3996 4.1 wants 15 s at least: a client that asks every half minute misses nothing.
EVENT_LIFE_S = 120
GET_INTERVAL_S = 30
DEFAULT_LEASE_S = 3600
# A client that wants more renews: what is forgotten by its client must not stay for ever.
MAX_LEASE_S = 86_400
# Job subscriptions have no lease (RFC 3995 5.3.8); they end with their job, which nobody may ever release.
JOB_LEASE_S = 7 * 86_400
MAX_SUBSCRIPTIONS = 1_000
# Computers of many people ask from one address; one that asks in a loop is stopped here.
MAX_PER_SUBSCRIBER = 50
# About 200 octets each; of what happened before, a client that stayed away finds the job's state.
MAX_EVENTS_KEPT = 200


class Event(StrEnum):
    """What can be subscribed to (RFC 3995 5.3.3.4)."""

    JOB_COMPLETED = "job-completed"
    JOB_CONFIG_CHANGED = "job-config-changed"
    JOB_CREATED = "job-created"
    JOB_STATE_CHANGED = "job-state-changed"
    PRINTER_CONFIG_CHANGED = "printer-config-changed"
    PRINTER_STATE_CHANGED = "printer-state-changed"
    PRINTER_STOPPED = "printer-stopped"


# Who subscribes to the second hears of the first as well (RFC 3995 5.3.3.4.2 and 5.3.3.4.3).
WIDER = {
    Event.JOB_COMPLETED: Event.JOB_STATE_CHANGED,
    Event.JOB_CREATED: Event.JOB_STATE_CHANGED,
    Event.PRINTER_STOPPED: Event.PRINTER_STATE_CHANGED,
}


@dataclass(frozen=True, slots=True)
class Subscriber:
    """Who owns a subscription: an account, or an address where nobody was proven."""

    kind: str
    name: str

    @classmethod
    def of(cls, principal: Principal | None, peer: str) -> "Subscriber":
        """Return the owner of what this request asks for."""
        return cls("address", peer) if principal is None else cls("account", principal.id)


@dataclass(frozen=True, slots=True)
class Notification:
    """One event as a subscription keeps it.

    Args:
        sequence: "notify-sequence-number".
        attributes: what the event tells, besides what is the same for all of the subscription.
    """

    sequence: int
    event: Event
    kept_until_s: float
    attributes: tuple[Attribute, ...]


@dataclass(slots=True)
class Subscription:
    """One subscription.

    Args:
        job: "job-id" of a job subscription; None for one to the whole queue.
        asked: template attributes as they were asked for and are told again.
        expires_at_s: by the monotonic clock, so that nobody's lease ends because the wall clock was set.
        read_to: the last line of the time lines that was read.
        state_at, described_at: of the printer's state and configuration, as they were last looked at.
    """

    id: int
    queue: str
    job: int | None
    subscriber: Subscriber
    user_name: str
    events: frozenset[Event]
    asked: tuple[Attribute, ...]
    lease_s: int
    expires_at_s: float
    read_to: int
    state_at: datetime
    described_at: datetime
    sequence: int = 0
    is_over: bool = False
    kept: deque[Notification] = field(default_factory=lambda: deque(maxlen=MAX_EVENTS_KEPT))

    def wants(self, event: Event) -> Event | None:
        """Return under which of its own events this one is told ("notify-subscribed-event")."""
        if event in self.events:
            return event
        wider = WIDER.get(event)
        return wider if wider in self.events else None

    def add(self, event: Event, attributes: tuple[Attribute, ...], now_s: float) -> None:
        """Keep an event for its life."""
        self.sequence += 1
        kept_until_s = now_s + EVENT_LIFE_S
        self.kept.append(Notification(self.sequence, event, kept_until_s, attributes))

    def end_with_job(self, now_s: float) -> None:
        """Live on as long as the last event does."""
        self.is_over = True
        self.expires_at_s = now_s + EVENT_LIFE_S

    def since(self, sequence: int, now_s: float) -> Iterator[Notification]:
        """Yield the events from this sequence number on that are still kept."""
        while self.kept and self.kept[0].kept_until_s < now_s:
            self.kept.popleft()
        return (one for one in self.kept if one.sequence >= sequence)


class Subscriptions:
    """Every subscription of every queue, by its id."""

    def __init__(self) -> None:
        self._all: dict[int, Subscription] = {}
        self._last_id = 0

    def add(self, subscription: Subscription, now_s: float) -> Subscription:
        """Take a subscription and give it its id.

        Raises:
            Busy: there are too many, in all or of this subscriber.
        """
        self._forget_old(now_s)
        own = sum(one.subscriber == subscription.subscriber for one in self._all.values())
        if len(self._all) >= MAX_SUBSCRIPTIONS or own >= MAX_PER_SUBSCRIBER:
            raise Busy("There are too many subscriptions.", subscriptions=len(self._all), own=own)
        self._last_id += 1
        subscription.id = self._last_id
        self._all[subscription.id] = subscription
        return subscription

    def of(self, queue: str, now_s: float) -> list[Subscription]:
        """Return a queue's subscriptions in the order they were made."""
        self._forget_old(now_s)
        return [one for one in self._all.values() if one.queue == queue]

    def get(self, number: int, queue: str, subscriber: Subscriber | None, now_s: float) -> Subscription:
        """Return a subscription of this queue and subscriber; None may have anybody's.

        Raises:
            NotFound: there is none, or it is somebody else's.
        """
        self._forget_old(now_s)
        found = self._all.get(number)
        if found is None or found.queue != queue or subscriber not in (None, found.subscriber):
            raise NotFound("There is no such subscription.", subscription=number)
        return found

    def cancel(self, subscription: Subscription) -> None:
        """End a subscription."""
        self._all.pop(subscription.id, None)

    def _forget_old(self, now_s: float) -> None:
        for number in [number for number, one in self._all.items() if one.expires_at_s <= now_s]:
            del self._all[number]
