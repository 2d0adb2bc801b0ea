"""Subscriptions and their events: made, told, renewed, ended; bounded, and nobody's but their owner's."""

from collections.abc import Sequence
from datetime import timedelta

import pytest
from trio.testing import MockClock

from protocols.ipp.message import Attribute, Group
from protocols.ipp.operations import Operation
from protocols.ipp.tags import GroupTag
from protocols.ipp.values import boolean, integer, keyword, name_, octets, uri
from spoold.doors.ipp import notifications
from spoold.doors.ipp.notifications import EVENT_LIFE_S, MAX_LEASE_S, Event
from tests.support.ipp_door import TEXT, IppHouse, Reply, last

NOT_FOUND, NOT_POSSIBLE, BAD_REQUEST = 0x0406, 0x0404, 0x0400
IGNORED, ALL_IGNORED, COMPLETE = 0x0003, 0x0414, 0x0007
PULL = keyword("notify-pull-method", "ippget")
EVERYTHING = keyword("notify-events", *Event)


async def subscribe(door: IppHouse, *asked: Attribute, **how: object) -> Reply:
    wanted = (PULL, *(asked or (EVERYTHING,)))
    return await door.ask(Operation.CREATE_PRINTER_SUBSCRIPTIONS, subscription=wanted, **how)  # type: ignore[arg-type]


def id_of(reply: Reply) -> int:
    number = reply.group(GroupTag.SUBSCRIPTION).integer("notify-subscription-id")
    assert number is not None
    return number


async def events(
    door: IppHouse, number: int, *, sequence: int = 1, user: str | None = None, peer: str = "192.0.2.9"
) -> tuple[Group, ...]:
    asked = integer("notify-subscription-ids", number), integer("notify-sequence-numbers", sequence)
    reply = await door.ask(Operation.GET_NOTIFICATIONS, *asked, user=user, peer=peer)
    assert reply.status in (0, COMPLETE)
    return reply.groups(GroupTag.EVENT_NOTIFICATION)


def told(found: Sequence[Group]) -> list[tuple[str | None, int | None, int | None]]:
    return [
        (one.string("notify-subscribed-event"), one.integer("notify-job-id"), one.integer("job-state"))
        for one in found
    ]


async def test_what_happens_to_a_job_is_told_in_order(door: IppHouse) -> None:
    number = id_of(await subscribe(door, user="ana"))
    job = await door.opened(user="ana")
    await door.ask(Operation.SEND_DOCUMENT, last(), job=job, document=[TEXT], user="ana")
    await door.ask(Operation.RELEASE_JOB, job=job, user="ana")
    await door.house.settled(await door.job(job))
    found = await events(door, number, user="ana")
    assert told(found)[0] == ("job-created", job, 3)
    assert told(found)[-1] == ("job-completed", job, 9)
    assert ("job-state-changed", job, 4) in told(found)
    assert ("job-state-changed", job, 5) in told(found)
    assert [one.integer("notify-sequence-number") for one in found] == list(range(1, len(found) + 1))
    assert {one.integer("notify-subscription-id") for one in found} == {number}


async def test_only_events_that_were_asked_for(door: IppHouse) -> None:
    created = id_of(await subscribe(door, keyword("notify-events", "job-created")))
    changed = id_of(await subscribe(door, keyword("notify-events", "job-state-changed")))
    default = id_of(await subscribe(door, name_("x-nothing", "x")))
    job = await door.held()
    assert told(await events(door, created)) == [("job-created", job, 4)]
    # RFC 3995 5.3.3.4.3: whoever wants every change hears of the arrival under that name.
    assert told(await events(door, changed)) == [("job-state-changed", job, 4)]
    assert told(await events(door, default)) == []


async def test_events_are_told_again_until_they_are_old(door: IppHouse, mock_clock: MockClock) -> None:
    number = id_of(await subscribe(door))
    first, second = await door.held(), await door.held()
    assert [job for _, job, _ in told(await events(door, number))] == [first, second]
    assert [job for _, job, _ in told(await events(door, number, sequence=2))] == [second]
    mock_clock.jump(EVENT_LIFE_S + 1)
    assert await events(door, number) == ()


async def test_what_was_before_is_not_told(door: IppHouse) -> None:
    await door.held()
    number = id_of(await subscribe(door))
    assert await events(door, number) == ()


async def test_changes_by_the_owner_are_told(door: IppHouse) -> None:
    number = id_of(await subscribe(door, keyword("notify-events", "job-config-changed"), user="ana"))
    job = await door.held(user="ana")
    await door.ask(Operation.SET_JOB_ATTRIBUTES, job=job, user="ana", template=[integer("copies", 2)])
    await door.ask(Operation.CANCEL_JOB, job=job, user="ana")
    # What the job was then, not what it is now.
    assert told(await events(door, number, user="ana")) == [("job-config-changed", job, 4)]


async def test_nobody_hears_of_jobs_they_may_not_know_of(door: IppHouse) -> None:
    people = (("ana", "192.0.2.1"), ("ben", "192.0.2.1"), ("oskar", "192.0.2.1"), (None, "192.0.2.1"))
    numbers = {who: id_of(await subscribe(door, user=who[0], peer=who[1])) for who in people}
    job = await door.held(user="ana", peer="192.0.2.7")
    heard = {}
    for who, number in numbers.items():
        found = await events(door, number, user=who[0], peer=who[1])
        heard[who[0]] = [one for _, one, _ in told(found)]
        assert b"Salaries" not in repr(found).encode()
    assert heard == {"ana": [job], "oskar": [job], "ben": [], None: []}


async def test_a_subscription_is_its_owner_s(door: IppHouse) -> None:
    number = id_of(await subscribe(door, user="ana"))
    asked = integer("notify-subscription-id", number)
    for user, peer in (("ben", "192.0.2.9"), (None, "192.0.2.9")):
        for operation in (
            Operation.GET_SUBSCRIPTION_ATTRIBUTES,
            Operation.RENEW_SUBSCRIPTION,
            Operation.CANCEL_SUBSCRIPTION,
        ):
            assert (await door.ask(operation, asked, user=user, peer=peer)).status == NOT_FOUND
        ids = integer("notify-subscription-ids", number)
        assert (await door.ask(Operation.GET_NOTIFICATIONS, ids, user=user, peer=peer)).status == NOT_FOUND
        listed = await door.ask(Operation.GET_SUBSCRIPTIONS, user=user, peer=peer)
        assert listed.groups(GroupTag.SUBSCRIPTION) == ()
    assert id_of(await door.ask(Operation.GET_SUBSCRIPTIONS, user="ana", peer="192.0.2.1")) == number
    assert id_of(await door.ask(Operation.GET_SUBSCRIPTIONS, user="oskar")) == number
    mine = boolean("my-subscriptions", True)
    listed = await door.ask(Operation.GET_SUBSCRIPTIONS, mine, user="oskar")
    assert listed.groups(GroupTag.SUBSCRIPTION) == ()


async def test_what_is_told_of_a_subscription(door: IppHouse) -> None:
    data = octets("notify-user-data", b"mine")
    reply = await subscribe(door, keyword("notify-events", "job-completed"), data, user="ana")
    assert reply.group(GroupTag.SUBSCRIPTION).integer("notify-lease-duration") == 3600
    asked = integer("notify-subscription-id", id_of(reply))
    shown = (await door.ask(Operation.GET_SUBSCRIPTION_ATTRIBUTES, asked, user="ana")).group(
        GroupTag.SUBSCRIPTION
    )
    assert shown.strings("notify-events") == ("job-completed",)
    assert shown.string("notify-printer-uri") == "ipps://print.example.org:631/ipp/print/open"
    assert shown.string("notify-subscriber-user-name") == "ana"
    assert shown.get("notify-user-data") == data
    to_staff = (await door.ask(Operation.GET_SUBSCRIPTION_ATTRIBUTES, asked, user="oskar")).group(
        GroupTag.SUBSCRIPTION
    )
    assert to_staff.string("notify-subscriber-user-name") == "private"
    assert "notify-user-data" not in to_staff


async def test_who_else_subscribed_from_an_address_is_not_told(door: IppHouse) -> None:
    """People share addresses, and nobody was proven."""

    async def shown(asker: str) -> str | None:
        wanted = integer("notify-subscription-id", number), name_("requesting-user-name", asker)
        reply = await door.ask(Operation.GET_SUBSCRIPTION_ATTRIBUTES, *wanted)
        return reply.group(GroupTag.SUBSCRIPTION).string("notify-subscriber-user-name")

    number = id_of(await subscribe(door))
    assert await shown("ana") == "ana"
    assert await shown("ben") == "private"


async def test_a_lease_ends_and_is_renewed(door: IppHouse, mock_clock: MockClock) -> None:
    number = id_of(await subscribe(door, EVERYTHING, integer("notify-lease-duration", 100)))
    asked = integer("notify-subscription-id", number)
    mock_clock.jump(90)
    renewed = await door.ask(Operation.RENEW_SUBSCRIPTION, asked, integer("notify-lease-duration", 200))
    assert renewed.group(GroupTag.SUBSCRIPTION).integer("notify-lease-duration") == 200
    mock_clock.jump(190)
    assert (await door.ask(Operation.GET_SUBSCRIPTION_ATTRIBUTES, asked)).status == 0
    mock_clock.jump(20)
    assert (await door.ask(Operation.GET_SUBSCRIPTION_ATTRIBUTES, asked)).status == NOT_FOUND


async def test_nothing_is_subscribed_for_ever(door: IppHouse) -> None:
    reply = await subscribe(door, EVERYTHING, integer("notify-lease-duration", 0))
    assert reply.group(GroupTag.SUBSCRIPTION).integer("notify-lease-duration") == MAX_LEASE_S


async def test_a_cancelled_subscription_is_gone(door: IppHouse) -> None:
    asked = integer("notify-subscription-id", id_of(await subscribe(door)))
    assert (await door.ask(Operation.CANCEL_SUBSCRIPTION, asked)).status == 0
    assert (await door.ask(Operation.CANCEL_SUBSCRIPTION, asked)).status == NOT_FOUND


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        ((uri("notify-recipient-uri", "mailto:ana@example.org"),), 0x040C),
        ((keyword("notify-pull-method", "carrier-pigeon"),), 0x040B),
        ((keyword("notify-events", "job-created"),), 0x0400),
        ((PULL, keyword("notify-events", "tea-ready")), 0x040B),
        ((PULL, octets("notify-user-data", bytes(64))), 0x0409),
        ((PULL, keyword("notify-attributes", *(f"attribute-{one}" for one in range(300)))), 0x0409),
    ],
)
async def test_what_cannot_be_subscribed_to(door: IppHouse, wanted: Sequence[Attribute], code: int) -> None:
    reply = await door.ask(Operation.CREATE_PRINTER_SUBSCRIPTIONS, subscription=wanted)
    assert reply.status == ALL_IGNORED
    assert reply.group(GroupTag.SUBSCRIPTION).integer("notify-status-code") == code
    assert (await door.ask(Operation.CREATE_PRINTER_SUBSCRIPTIONS)).status == BAD_REQUEST


async def test_some_of_the_events(door: IppHouse) -> None:
    reply = await subscribe(door, keyword("notify-events", "job-created", "tea-ready"))
    group = reply.group(GroupTag.SUBSCRIPTION)
    assert (reply.status, group.integer("notify-status-code")) == (0, 0x0001)
    assert group.strings("notify-events") == ("job-created",)


async def test_there_are_only_so_many(
    door: IppHouse, monkeypatch: pytest.MonkeyPatch, mock_clock: MockClock
) -> None:
    monkeypatch.setattr(notifications, "MAX_PER_SUBSCRIBER", 2)
    monkeypatch.setattr(notifications, "MAX_SUBSCRIPTIONS", 3)
    codes = [
        (await subscribe(door, peer=peer)).group(GroupTag.SUBSCRIPTION).integer("notify-status-code")
        for peer in ("192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.2", "192.0.2.3")
    ]
    assert codes == [None, None, 0x0415, None, 0x0415]
    mock_clock.jump(3601)
    assert (await subscribe(door)).status == 0


async def test_only_so_many_events_are_kept(door: IppHouse) -> None:
    number = id_of(await subscribe(door))
    made = [await door.held() for _ in range(3)]
    subscription = door.door.subscriptions.of("open", door.house.clock.monotonic_s())[0]
    subscription.kept = type(subscription.kept)(maxlen=2)
    found = await events(door, number)
    numbered = [one.integer("notify-sequence-number") for one in found]
    assert [job for _, job, _ in told(found)] == made[1:]
    assert numbered == [2, 3]


async def test_a_job_comes_with_a_subscription_to_itself(door: IppHouse, mock_clock: MockClock) -> None:
    """RFC 3995 11.1.3: also to its own arrival; others' jobs are not told, and it ends with its job."""
    wanted = (PULL, EVERYTHING)
    reply = await door.ask(Operation.PRINT_JOB, document=[TEXT], subscription=wanted, user="ana")
    job, number = reply.job.integer("job-id"), id_of(reply)
    await door.held(user="ana")
    assert told(await events(door, number, user="ana")) == [("job-created", job, 4)]
    renewal = await door.ask(
        Operation.RENEW_SUBSCRIPTION, integer("notify-subscription-id", number), user="ana"
    )
    assert renewal.status == NOT_POSSIBLE
    await door.ask(Operation.CANCEL_JOB, job=job, user="ana")
    asked = integer("notify-subscription-ids", number)
    ended = await door.ask(Operation.GET_NOTIFICATIONS, asked, user="ana")
    assert ended.status == COMPLETE
    assert told(ended.groups(GroupTag.EVENT_NOTIFICATION))[-1] == ("job-completed", job, 7)
    assert "notify-get-interval" not in ended.group(GroupTag.OPERATION)
    mock_clock.jump(EVENT_LIFE_S + 1)
    assert (await door.ask(Operation.GET_NOTIFICATIONS, asked, user="ana")).status == NOT_FOUND


async def test_a_job_is_made_though_its_subscription_is_not(door: IppHouse) -> None:
    reply = await door.ask(
        Operation.CREATE_JOB, subscription=[uri("notify-recipient-uri", "mailto:ana@example.org")]
    )
    assert reply.status == IGNORED
    assert reply.job.integer("job-id") is not None


async def test_subscribing_to_a_job_later(door: IppHouse) -> None:
    job = await door.held(user="ana")
    about = integer("notify-job-id", job)
    wanted = (PULL, EVERYTHING)
    operation = Operation.CREATE_JOB_SUBSCRIPTIONS
    foreign = await door.ask(operation, about, subscription=wanted, user="ben", peer="192.0.2.1")
    assert foreign.status == NOT_FOUND
    assert (await door.ask(operation, subscription=wanted, user="ana")).status == BAD_REQUEST
    number = id_of(await door.ask(operation, about, subscription=wanted, user="ana"))
    assert await events(door, number, user="ana") == ()
    await door.ask(Operation.CANCEL_JOB, job=job, user="ana")
    assert told(await events(door, number, user="ana")) == [("job-completed", job, 7)]
    assert (await door.ask(operation, about, subscription=wanted, user="ana")).status == NOT_POSSIBLE
    listed = await door.ask(Operation.GET_SUBSCRIPTIONS, about, user="ana")
    assert id_of(listed) == number


async def test_what_an_operator_says_to_the_queue_is_told(door: IppHouse, mock_clock: MockClock) -> None:
    number = id_of(await subscribe(door))
    mock_clock.jump(1)
    await door.ask(Operation.PAUSE_PRINTER, user="oskar")
    found = await events(door, number)
    assert [one.string("notify-subscribed-event") for one in found] == ["printer-stopped"]
    assert found[0].integer("printer-state") == 5
    assert found[0].strings("printer-state-reasons") == ("paused",)
    assert "paused" in (found[0].string("notify-text") or "")
    mock_clock.jump(1)
    await door.ask(Operation.RESUME_PRINTER, user="oskar")
    assert (await events(door, number))[-1].integer("printer-state") == 3


async def test_events_are_told_once_however_often_they_are_asked_for(door: IppHouse) -> None:
    first, second = id_of(await subscribe(door)), id_of(await subscribe(door))
    job = await door.held()
    numbers = integer("notify-subscription-ids", first, second, *[first] * 90)
    sequences = integer("notify-sequence-numbers", 1, 2, *[1] * 90)
    reply = await door.ask(Operation.GET_NOTIFICATIONS, numbers, sequences)
    assert told(reply.groups(GroupTag.EVENT_NOTIFICATION)) == [("job-created", job, 4)]
    assert reply.group(GroupTag.EVENT_NOTIFICATION).integer("notify-subscription-id") == first


async def test_when_to_ask_again_is_said(door: IppHouse) -> None:
    number = id_of(await subscribe(door))
    wait = boolean("notify-wait", True)
    reply = await door.ask(Operation.GET_NOTIFICATIONS, integer("notify-subscription-ids", number), wait)
    assert reply.group(GroupTag.OPERATION).integer("notify-get-interval") == 30
    assert (reply.group(GroupTag.OPERATION).integer("printer-up-time") or 0) >= 1
    assert timedelta(seconds=30) < timedelta(seconds=EVENT_LIFE_S)
    assert (await door.ask(Operation.GET_NOTIFICATIONS)).status == BAD_REQUEST
