"""Get-Notifications: what has happened since the client asked last, as far as it may know (RFC 3996)."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from protocols.errors import RemoteProtocolError
from protocols.ipp.keywords import PrinterState
from protocols.ipp.message import Attribute, Group, Message
from protocols.ipp.status import Status
from protocols.ipp.tags import GroupTag
from protocols.ipp.values import (
    boolean,
    charset,
    clip,
    enum,
    integer,
    keyword,
    name_,
    natural_language,
    text,
    uri,
)
from spoold.database.happenings import Happening, happenings
from spoold.database.times import from_us
from spoold.doors.ipp.context import IppRequest, answer
from spoold.doors.ipp.door import Door
from spoold.doors.ipp.job_attributes import MAX_TEXT_OCTETS, words_of_state
from spoold.doors.ipp.notifications import GET_INTERVAL_S, Event, Notification, Subscriber, Subscription
from spoold.model.access import Action, may
from spoold.model.errors import NotFound
from spoold.model.holding import awaits_pin
from spoold.model.jobstate import FINAL, TRANSITIONS, JobEvent, JobState, states_before

# One answer's worth; the client asks again for the rest.
MAX_LINES = 1_000
MAX_ASKED = 100
_CHANGES = frozenset({"changed", "held"})
# Where every event of the state table leads; to more than one place only "expired".
_AFTER = {
    event.value: frozenset(after for (_, one), after in TRANSITIONS.items() if one is event)
    for event in JobEvent
}


async def get_notifications(door: Door, request: IppRequest) -> Message:
    """Answer Get-Notifications at once, whatever "notify-wait" says: no connection is kept for it.

    Raises:
        NotFound: none of the subscriptions is the asker's.
    """
    now_s = door.clock.monotonic_s()
    asked = _numbers(request.operation.get("notify-subscription-ids"))
    if not asked:
        hint = Status.CLIENT_ERROR_BAD_REQUEST
        raise RemoteProtocolError("notify-subscription-ids is missing", status_hint=hint)
    sequences = _numbers(request.operation.get("notify-sequence-numbers"))
    own = Subscriber.of(request.principal, request.http.peer_host)
    groups: list[Group] = []
    found: list[Subscription] = []
    # Each once: whoever names one a hundred times would get its events a hundred times.
    places: dict[int, int] = {}
    for place, number in enumerate(asked):
        places.setdefault(number, place)
    for number, place in places.items():
        try:
            one = door.subscriptions.get(number, request.queue.name, own, now_s)
        except NotFound:
            continue
        found.append(one)
        await _read_on(door, request, one, now_s)
        first = sequences[place] if place < len(sequences) else 1
        groups += [_group(request, one, told) for told in one.since(first, now_s)]
    if not found:
        raise NotFound("There is no such subscription.", asked=len(asked))
    complete = all(one.is_over for one in found)
    status = Status.SUCCESSFUL_OK_EVENTS_COMPLETE if complete else Status.SUCCESSFUL_OK
    message = answer(request.message, status, groups=groups)
    head = message.groups[0]
    said: tuple[Attribute, ...] = (integer("printer-up-time", door.attributes.up_time_s(door.clock.now())),)
    if not complete:
        said += (integer("notify-get-interval", GET_INTERVAL_S),)
    with_interval = Group(head.tag, (*head.attributes, *said))
    return Message(message.version, message.code, message.request_id, (with_interval, *message.groups[1:]))


async def _read_on(door: Door, request: IppRequest, one: Subscription, now_s: float) -> None:
    """Add what has happened since the subscription was read the last time."""
    if any(event.startswith("job-") for event in one.events):
        lines = await door.database.read(
            lambda connection: happenings(connection, one.queue, one.read_to, job=one.job, limit=MAX_LINES)
        )
        for line in lines:
            one.read_to = max(one.read_to, line.seq)
            if may(request.principal, Action.READ_STATE, line.claim, peer=request.http.peer_host):
                _add_line(door, request, one, line, now_s)
    if any(event.startswith("printer-") for event in one.events):
        _look_at_printer(door, request, one, now_s)


def _add_line(door: Door, request: IppRequest, one: Subscription, line: Happening, now_s: float) -> None:
    event, state = _meaning(line)
    told = None if event is None else one.wants(event)
    if told is not None:
        at = from_us(line.at_us)
        one.add(told, (*_moment(door, at), *_job(request, line, state)), now_s)
    if one.job is not None and state in FINAL:
        one.end_with_job(now_s)


def _meaning(line: Happening) -> tuple[Event | None, JobState]:
    """Return which event a line of a time line is, and in which state the job was after it."""
    state = _state_after(line)
    if line.event == "accepted":
        return Event.JOB_CREATED, state
    if line.event in _CHANGES:
        return Event.JOB_CONFIG_CHANGED, state
    if line.event not in _AFTER:
        return None, state
    is_end = state in FINAL or state is JobState.QUARANTINED
    return (Event.JOB_COMPLETED if is_end else Event.JOB_STATE_CHANGED), state


def _state_after(line: Happening) -> JobState:
    """Return a job's state after a line, told by where the line leads to and by what came next."""
    possible = _AFTER.get(line.event, frozenset(JobState))
    if not line.followed_by:
        return JobState(line.state) if line.state in possible else next(iter(possible))
    possible &= states_before(JobEvent(line.followed_by))
    # Where several are possible the job was waiting: that is what jobs do here.
    return JobState.HELD if JobState.HELD in possible or not possible else next(iter(possible))


def _job(request: IppRequest, line: Happening, state: JobState) -> Iterable[Attribute]:
    word, reasons = words_of_state(
        state,
        unclaimed=line.claim.owner_id is None,
        pin=awaits_pin(line.template),
        as_completed=request.queue.shows_held_as_completed,
    )
    yield integer("notify-job-id", line.number)
    yield enum("job-state", word)
    yield keyword("job-state-reasons", *reasons)
    yield integer("job-impressions-completed", line.impressions or 0)
    yield text("notify-text", clip(f"Job {line.number}: {line.words}", MAX_TEXT_OCTETS))


def _look_at_printer(door: Door, request: IppRequest, one: Subscription, now_s: float) -> None:
    """Add what is different at the printer; of several changes between two looks the last is told."""
    looked = door.attributes.last_changes(request.queue, door.clock.now())
    state, standing = looked.state
    about = (
        name_("printer-name", one.queue),
        enum("printer-state", state),
        keyword("printer-state-reasons", *(standing.reasons or ("none",))),
        boolean("printer-is-accepting-jobs", standing.accepting),
    )
    if looked.state_at > one.state_at:
        one.state_at = looked.state_at
        is_stopped = state is PrinterState.STOPPED
        told = one.wants(Event.PRINTER_STOPPED if is_stopped else Event.PRINTER_STATE_CHANGED)
        if told is not None:
            words = standing.message or f"The queue {one.queue} is {state.name.lower()}."
            one.add(told, (*_moment(door, looked.state_at), *about, text("notify-text", words)), now_s)
    if looked.described_at > one.described_at:
        one.described_at = looked.described_at
        told = one.wants(Event.PRINTER_CONFIG_CHANGED)
        if told is not None:
            words = f"What the queue {one.queue} can do has changed."
            one.add(told, (*_moment(door, looked.described_at), *about, text("notify-text", words)), now_s)


def _moment(door: Door, at: datetime) -> Iterable[Attribute]:
    yield integer("printer-up-time", door.attributes.up_time_s(at))


def _group(request: IppRequest, one: Subscription, told: Notification) -> Group:
    # RFC 3995 9.1: what every event notification says.
    common: Sequence[Attribute] = (
        integer("notify-subscription-id", one.id),
        uri("notify-printer-uri", request.queue_uri()),
        keyword("notify-subscribed-event", told.event),
        integer("notify-sequence-number", told.sequence),
        charset("notify-charset", "utf-8"),
        natural_language("notify-natural-language", "en"),
        *(attribute for attribute in one.asked if attribute.name == "notify-user-data"),
    )
    return Group(GroupTag.EVENT_NOTIFICATION, (*common, *told.attributes))


def _numbers(attribute: Attribute | None) -> list[int]:
    found = () if attribute is None else attribute.values
    return [value.data for value in found if isinstance(value.data, int)][:MAX_ASKED]
