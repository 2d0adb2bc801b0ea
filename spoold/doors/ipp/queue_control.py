"""What operators may tell a queue: pause and resume, close and open, hold new jobs and let them go."""

import structlog

from protocols.ipp.message import Message
from spoold.doors.ipp.context import IppRequest, answer
from spoold.doors.ipp.door import Door, proven
from spoold.doors.ipp.printer import Standing
from spoold.records.queue_orders import Order, QueueOrders

log = structlog.get_logger()


async def pause_printer(door: Door, request: IppRequest) -> Message:
    """Answer Pause-Printer (RFC 8011 4.2.7): what is at a printer goes on, nothing else is released."""
    return await _give(door, request, Order.PAUSE)


async def resume_printer(door: Door, request: IppRequest) -> Message:
    """Answer Resume-Printer (RFC 8011 4.2.8)."""
    return await _lift(door, request, Order.PAUSE)


async def disable_printer(door: Door, request: IppRequest) -> Message:
    """Answer Disable-Printer (RFC 3998 3.1.1): no new jobs; open ones may be completed."""
    return await _give(door, request, Order.DISABLE)


async def enable_printer(door: Door, request: IppRequest) -> Message:
    """Answer Enable-Printer (RFC 3998 3.1.2)."""
    return await _lift(door, request, Order.DISABLE)


async def hold_new_jobs(door: Door, request: IppRequest) -> Message:
    """Answer Hold-New-Jobs (RFC 3998 3.3.1); on a queue that waits for owners, jobs are held as ever."""
    return await _give(door, request, Order.HOLD_NEW)


async def release_held_new_jobs(door: Door, request: IppRequest) -> Message:
    """Answer Release-Held-New-Jobs (RFC 3998 3.3.2): what was held by Hold-New-Jobs goes to its printer.

    Jobs that wait for their owners go on waiting for them.
    """
    return await _lift(door, request, Order.HOLD_NEW)


def standing_of(orders: QueueOrders, queue: str) -> Standing:
    """Return what the orders in force mean for clients."""
    paused, closed, holding = (
        orders.since(queue, order) is not None for order in (Order.PAUSE, Order.DISABLE, Order.HOLD_NEW)
    )
    reasons = [word for word, given in (("paused", paused), ("hold-new-jobs", holding)) if given]
    messages = [
        words
        for words, given in (
            ("An operator has paused this queue.", paused),
            ("An operator has closed this queue for new jobs.", closed),
            ("New jobs wait until an operator lets them go.", holding),
        )
        if given
    ]
    return Standing(tuple(reasons), stopped=paused, accepting=not closed, message=" ".join(messages))


def without_room(standing: Standing) -> Standing:
    """Return what clients are told while the disk is nearly full: they keep their jobs and come again."""
    return Standing(
        (*standing.reasons, "spool-area-full"),
        stopped=standing.stopped,
        accepting=False,
        message=f"{standing.message} The spooler's disk is nearly full; jobs wait where they are.".strip(),
    )


async def _give(door: Door, request: IppRequest, order: Order) -> Message:
    actor = proven(request).id
    given = await door.orders.give(
        door.database, request.queue.name, order, actor=actor, now=door.clock.now()
    )
    if given:
        log.warning("queue-ordered", queue=request.queue.name, order=order.value, user=actor)
    return answer(request.message)


async def _lift(door: Door, request: IppRequest, order: Order) -> Message:
    actor = proven(request).id
    lifted = await door.orders.lift(
        door.database, request.queue.name, order, actor=actor, now=door.clock.now()
    )
    if lifted:
        log.warning("queue-order-lifted", queue=request.queue.name, order=order.value, user=actor)
        door.desk.service.arrivals.announce()
    return answer(request.message)
