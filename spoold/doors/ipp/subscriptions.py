"""The operations on subscriptions: make, look at, renew and end them (RFC 3995 11)."""

from collections.abc import Iterable, Sequence

from protocols.errors import RemoteProtocolError
from protocols.ipp.encoder import encode_attributes
from protocols.ipp.message import Attribute, Group, Message
from protocols.ipp.selection import subscription_selection
from protocols.ipp.status import Status
from protocols.ipp.tags import GroupTag, ValueTag
from protocols.ipp.values import charset, clip, enum, integer, keyword, name_, natural_language, uri
from spoold.database.happenings import newest
from spoold.doors.ipp.context import IppRequest, answer
from spoold.doors.ipp.door import Door, find_job, require
from spoold.doors.ipp.notifications import (
    DEFAULT_LEASE_S,
    JOB_LEASE_S,
    MAX_LEASE_S,
    Event,
    Subscriber,
    Subscription,
)
from spoold.model.access import Action, may
from spoold.model.errors import Busy, NotPossible
from spoold.model.job import Job
from spoold.model.jobstate import FINAL

# RFC 3995 5.3.3.1 and 5.3.3.5: what a client gives to find its own things again.
MAX_USER_DATA_OCTETS = 63
# And of everything that is kept of what was asked for, some hundred attribute names included.
MAX_KEPT_OCTETS = 4096
MAX_NAME_OCTETS = 255
# More groups than there are kinds of events are a mistake or an attack.
MAX_GROUPS = 8
_DEFAULT = ("notify-subscription-id",)
# Told again as they were asked for.
_KEPT = ("notify-user-data", "notify-time-interval", "notify-attributes")


async def create_printer_subscriptions(door: Door, request: IppRequest) -> Message:
    """Answer Create-Printer-Subscriptions (RFC 3995 11.1.2)."""
    return _created(request, await make_asked(door, request, None))


async def create_job_subscriptions(door: Door, request: IppRequest) -> Message:
    """Answer Create-Job-Subscriptions (RFC 3995 11.1.1): for whoever may know of the job."""
    number = request.operation.integer("notify-job-id")
    if number is None:
        raise _bad_request("notify-job-id is missing")
    request.job = await find_job(door, request.queue.name, number)
    require(request, Action.READ_STATE)
    if request.job.state in FINAL:
        raise NotPossible("The job has ended already.", job=str(request.job.id))
    return _created(request, await make_asked(door, request, request.job))


async def make_asked(
    door: Door, request: IppRequest, job: Job | None, *, is_new: bool = False
) -> list[Group]:
    """Make the subscriptions that a request asks for; returns the answer's groups, in order.

    Args:
        job: whose events are wanted; None for those of the queue.
        is_new: the job came with this request: its arrival is an event as well.
    """
    asked = request.message.all(GroupTag.SUBSCRIPTION)
    if not asked:
        return []
    read_to = 0 if is_new else await door.database.read(newest)
    return [_make(door, request, job, group, read_to) for group in asked[:MAX_GROUPS]]


async def get_subscriptions(door: Door, request: IppRequest) -> Message:
    """Answer Get-Subscriptions (RFC 3995 11.2.5): one's own; operators may have everybody's."""
    operation = request.operation
    selection = subscription_selection(operation.strings("requested-attributes"), _DEFAULT)
    job = operation.integer("notify-job-id")
    limit = operation.integer("limit")
    everybody = _is_staff(request) and operation.boolean("my-subscriptions") is not True
    own = _subscriber(request)
    found = [
        one
        for one in door.subscriptions.of(request.queue.name, door.clock.monotonic_s())
        if (everybody or one.subscriber == own) and one.job == job
    ]
    chosen = found[: max(1, limit) if limit is not None else None]
    return answer(
        request.message,
        groups=[
            Group(GroupTag.SUBSCRIPTION, selection.of(_attributes(door, request, one))) for one in chosen
        ],
    )


async def get_subscription_attributes(door: Door, request: IppRequest) -> Message:
    """Answer Get-Subscription-Attributes (RFC 3995 11.2.4)."""
    found = _asked(door, request)
    selection = subscription_selection(request.operation.strings("requested-attributes"))
    group = Group(GroupTag.SUBSCRIPTION, selection.of(_attributes(door, request, found)))
    return answer(request.message, groups=[group])


async def renew_subscription(door: Door, request: IppRequest) -> Message:
    """Answer Renew-Subscription (RFC 3995 11.2.6)."""
    found = _asked(door, request)
    if found.job is not None:
        raise NotPossible("This subscription ends with its job; it cannot be renewed.")
    wanted = request.operation.integer("notify-lease-duration")
    group = request.message.group(GroupTag.SUBSCRIPTION)
    found.lease_s = _lease(wanted if wanted is not None else group.integer("notify-lease-duration"))
    found.expires_at_s = door.clock.monotonic_s() + found.lease_s
    lease = integer("notify-lease-duration", found.lease_s)
    return answer(request.message, groups=[Group(GroupTag.SUBSCRIPTION, (lease,))])


async def cancel_subscription(door: Door, request: IppRequest) -> Message:
    """Answer Cancel-Subscription (RFC 3995 11.2.7)."""
    door.subscriptions.cancel(_asked(door, request))
    return answer(request.message)


def _make(door: Door, request: IppRequest, job: Job | None, group: Group, read_to: int) -> Group:
    """Make one subscription; the group says its id, or why there is none."""
    trouble = _trouble(group)
    asked = group.strings("notify-events") or (Event.JOB_COMPLETED,)
    events = frozenset(Event(one) for one in asked if one in set(Event))
    if job is not None:
        events = frozenset(one for one in events if one.startswith("job-"))
    if trouble is None and not events:
        trouble = Status.CLIENT_ERROR_ATTRIBUTES_OR_VALUES_NOT_SUPPORTED
    if trouble is not None:
        return Group(GroupTag.SUBSCRIPTION, (enum("notify-status-code", trouble),))
    now_s = door.clock.monotonic_s()
    lease_s = JOB_LEASE_S if job is not None else _lease(group.integer("notify-lease-duration"))
    looked = door.attributes.last_changes(request.queue, door.clock.now())
    wanted = Subscription(
        id=0,
        queue=request.queue.name,
        job=None if job is None else job.number,
        subscriber=_subscriber(request),
        user_name=_user_name(request),
        events=events,
        asked=tuple(one for one in group if one.name in _KEPT),
        lease_s=lease_s,
        expires_at_s=now_s + lease_s,
        read_to=read_to,
        state_at=looked.state_at,
        described_at=looked.described_at,
    )
    try:
        made = door.subscriptions.add(wanted, now_s)
    except Busy:
        too_many = enum("notify-status-code", Status.CLIENT_ERROR_TOO_MANY_SUBSCRIPTIONS)
        return Group(GroupTag.SUBSCRIPTION, (too_many,))
    said: list[Attribute] = [integer("notify-subscription-id", made.id)]
    if job is None:
        said.append(integer("notify-lease-duration", lease_s))
    if len(events) < len(set(asked)):
        some = Status.SUCCESSFUL_OK_IGNORED_OR_SUBSTITUTED_ATTRIBUTES
        said += [enum("notify-status-code", some), keyword("notify-events", *sorted(events))]
    return Group(GroupTag.SUBSCRIPTION, tuple(said))


def _trouble(group: Group) -> Status | None:
    """Return why a subscription cannot be made."""
    if "notify-recipient-uri" in group:
        # Sending events to addresses that others name is not what a print server is for.
        return Status.CLIENT_ERROR_URI_SCHEME_NOT_SUPPORTED
    method = group.string("notify-pull-method")
    if method is None:
        return Status.CLIENT_ERROR_BAD_REQUEST
    if method != "ippget":
        return Status.CLIENT_ERROR_ATTRIBUTES_OR_VALUES_NOT_SUPPORTED
    user_data = group.get("notify-user-data")
    if user_data is not None:
        tag, data = user_data.values[0]
        if tag != ValueTag.OCTET_STRING or not isinstance(data, bytes) or len(data) > MAX_USER_DATA_OCTETS:
            return Status.CLIENT_ERROR_REQUEST_VALUE_TOO_LONG
    if len(encode_attributes([one for one in group if one.name in _KEPT])) > MAX_KEPT_OCTETS:
        return Status.CLIENT_ERROR_REQUEST_VALUE_TOO_LONG
    return None


def _lease(asked: int | None) -> int:
    """Return for how long; 0 asks for ever, which nobody gets."""
    if asked is None:
        return DEFAULT_LEASE_S
    return MAX_LEASE_S if asked <= 0 else min(asked, MAX_LEASE_S)


def _created(request: IppRequest, groups: Sequence[Group]) -> Message:
    if not groups:
        raise _bad_request("there is no subscription in the request")
    refused = sum("notify-subscription-id" not in group for group in groups)
    status = Status.SUCCESSFUL_OK
    if refused:
        status = Status.SUCCESSFUL_OK_IGNORED_SUBSCRIPTIONS
    if refused == len(groups):
        status = Status.CLIENT_ERROR_IGNORED_ALL_SUBSCRIPTIONS
    return answer(request.message, status, groups=groups)


def _attributes(door: Door, request: IppRequest, one: Subscription) -> Iterable[Attribute]:
    now = door.clock.now()
    left_s = int(one.expires_at_s - door.clock.monotonic_s())
    is_own = one.subscriber == _subscriber(request)
    yield integer("notify-subscription-id", one.id)
    yield uri("notify-printer-uri", request.queue_uri())
    yield keyword("notify-events", *sorted(one.events))
    yield keyword("notify-pull-method", "ippget")
    yield charset("notify-charset", "utf-8")
    yield natural_language("notify-natural-language", "en")
    yield integer("notify-sequence-number", one.sequence)
    yield integer("notify-printer-up-time", door.attributes.up_time_s(now))
    # Several people may have one address: who else subscribed from there is not told (docs/threat-model.md).
    is_named = is_own and one.user_name == _user_name(request)
    yield name_("notify-subscriber-user-name", (one.user_name or "anonymous") if is_named else "private")
    if one.job is None:
        yield integer("notify-lease-duration", one.lease_s)
        yield integer("notify-lease-expiration-time", door.attributes.up_time_s(now) + left_s)
    else:
        yield integer("notify-job-id", one.job)
    if is_own:
        yield from one.asked


def _asked(door: Door, request: IppRequest) -> Subscription:
    """Return the subscription that the request is about.

    Raises:
        NotFound: it is not the asker's, who is no operator either.
    """
    number = request.operation.integer("notify-subscription-id")
    if number is None:
        raise _bad_request("notify-subscription-id is missing")
    owner = None if _is_staff(request) else _subscriber(request)
    return door.subscriptions.get(number, request.queue.name, owner, door.clock.monotonic_s())


def _subscriber(request: IppRequest) -> Subscriber:
    return Subscriber.of(request.principal, request.http.peer_host)


def _user_name(request: IppRequest) -> str:
    """Return the name of whoever was proven to ask, else the one that the client says."""
    if request.principal is not None:
        return request.principal.name
    return clip(request.requesting_user_name, MAX_NAME_OCTETS)


def _is_staff(request: IppRequest) -> bool:
    return may(request.principal, Action.OPERATE_QUEUE)


def _bad_request(words: str) -> RemoteProtocolError:
    return RemoteProtocolError(words, status_hint=Status.CLIENT_ERROR_BAD_REQUEST)
