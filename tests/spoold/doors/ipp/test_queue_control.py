"""What operators tell a queue: it is kept, shown to clients, and holds for every way to print or release."""

import pytest

from protocols.ipp.operations import Operation
from protocols.ipp.tags import GroupTag
from protocols.ipp.values import integer, keyword
from spoold.model.jobstate import JobState
from spoold.records.queue_orders import Order, QueueOrders
from tests.support.ipp_door import TEXT, IppHouse

NOT_POSSIBLE, NOT_ACCEPTING, NOT_AUTHORIZED = 0x0404, 0x0506, 0x0403
_STATE = keyword(
    "requested-attributes",
    "printer-state",
    "printer-state-reasons",
    "printer-is-accepting-jobs",
    "printer-state-message",
)
PAIRS = (
    (Operation.PAUSE_PRINTER, Operation.RESUME_PRINTER),
    (Operation.DISABLE_PRINTER, Operation.ENABLE_PRINTER),
    (Operation.HOLD_NEW_JOBS, Operation.RELEASE_HELD_NEW_JOBS),
)


async def state(door: IppHouse) -> tuple[int | None, tuple[str, ...], bool | None]:
    printer = (await door.ask(Operation.GET_PRINTER_ATTRIBUTES, _STATE)).printer
    reasons = printer.strings("printer-state-reasons")
    return printer.integer("printer-state"), reasons, printer.boolean("printer-is-accepting-jobs")


async def order(door: IppHouse, operation: Operation) -> None:
    assert (await door.ask(operation, user="oskar")).status == 0


@pytest.mark.parametrize(("give", "lift"), PAIRS)
async def test_what_was_ordered_is_shown_until_it_is_lifted(
    door: IppHouse, give: Operation, lift: Operation
) -> None:
    before = await state(door)
    await order(door, give)
    await order(door, give)
    assert await state(door) != before
    await order(door, lift)
    await order(door, lift)
    assert await state(door) == before


async def test_how_it_is_shown(door: IppHouse) -> None:
    assert await state(door) == (3, ("none",), True)
    await order(door, Operation.PAUSE_PRINTER)
    assert await state(door) == (5, ("paused",), True)
    await order(door, Operation.HOLD_NEW_JOBS)
    await order(door, Operation.DISABLE_PRINTER)
    assert await state(door) == (5, ("paused", "hold-new-jobs"), False)


async def test_another_queue_goes_on(door: IppHouse) -> None:
    await order(door, Operation.DISABLE_PRINTER)
    assert (await door.ask(Operation.PRINT_JOB, queue="secure", user="ana", document=[TEXT])).status == 0


@pytest.mark.parametrize("operation", [one for pair in PAIRS for one in pair])
async def test_only_staff_orders(door: IppHouse, operation: Operation) -> None:
    assert (await door.ask(operation, user="ana")).status == NOT_AUTHORIZED
    assert (await door.ask(operation)).http == 401
    assert await state(door) == (3, ("none",), True)


async def test_a_closed_queue_refuses_in_the_way_that_loses_nothing(door: IppHouse) -> None:
    """0506, alike at all three: CUPS keeps the job and comes again."""
    open_job = await door.opened()
    await order(door, Operation.DISABLE_PRINTER)
    for operation in (Operation.VALIDATE_JOB, Operation.CREATE_JOB, Operation.PRINT_JOB):
        reply = await door.ask(operation, document=[TEXT] if operation is Operation.PRINT_JOB else [])
        assert reply.status == NOT_ACCEPTING
        assert "closed" in reply.words
    # What was begun may be completed (RFC 3998 3.1.1).
    from_before = await door.ask(Operation.CLOSE_JOB, job=open_job)
    assert from_before.status == 0


async def test_nothing_leaves_a_paused_queue(door: IppHouse) -> None:
    number = await door.held(user="ana")
    await order(door, Operation.PAUSE_PRINTER)
    reply = await door.ask(Operation.RELEASE_JOB, job=number, user="ana")
    assert (reply.status, (await door.job(number)).state) == (NOT_POSSIBLE, JobState.HELD)
    assert "paused" in reply.words
    await order(door, Operation.RESUME_PRINTER)
    assert (await door.ask(Operation.RELEASE_JOB, job=number, user="ana")).status == 0


async def test_orders_are_kept_and_recorded(door: IppHouse) -> None:
    await order(door, Operation.PAUSE_PRINTER)
    await order(door, Operation.DISABLE_PRINTER)
    await order(door, Operation.ENABLE_PRINTER)
    after_restart = QueueOrders()
    await door.house.database.read(after_restart.load)
    assert after_restart.since("open", Order.PAUSE) is not None
    assert after_restart.since("open", Order.DISABLE) is None
    kinds = [entry["kind"] for entry in await door.audit()]
    assert kinds == ["queue-paused", "queue-disabled", "queue-not-disabled"]


async def test_an_operator_cancels_what_is_in_a_queue(door: IppHouse) -> None:
    here = [await door.held(user="ana"), await door.held(user="ben")]
    there = await door.held(user="ana", queue="secure")
    assert (
        await door.ask(Operation.CANCEL_JOBS, integer("job-ids", here[0], there), user="oskar")
    ).status == (NOT_POSSIBLE)
    assert (await door.ask(Operation.CANCEL_JOBS, user="ana")).status == NOT_AUTHORIZED
    assert (await door.ask(Operation.CANCEL_JOBS, integer("job-ids", here[0]), user="oskar")).status == 0
    assert [(await door.job(one)).state for one in here] == [JobState.CANCELED, JobState.HELD]
    assert (await door.ask(Operation.CANCEL_JOBS, user="oskar")).status == 0
    assert (await door.job(here[1])).state is JobState.CANCELED
    assert (await door.job(there)).state is JobState.HELD


async def test_get_user_printer_attributes_answers_like_its_elder(door: IppHouse) -> None:
    mine = await door.ask(Operation.GET_USER_PRINTER_ATTRIBUTES, _STATE, user="ana")
    anybody = await door.ask(Operation.GET_PRINTER_ATTRIBUTES, _STATE)
    assert mine.group(GroupTag.PRINTER) == anybody.group(GroupTag.PRINTER)
