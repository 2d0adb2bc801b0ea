"""What clients really say, over a socket: each is understood, and its job is whole when it hears so."""

import pytest
import trio

from protocols.limits import LprLimits
from tests.support.lpr import RecordingHandler, start_server
from tests.support.lpr_exchanges import EXCHANGES, YES, Exchange, replay

# Long enough for the test's own pieces, which come at once; a person would not notice either.
LIMITS = LprLimits(end_mark_timeout_s=0.2)


@pytest.mark.parametrize("exchange", EXCHANGES, ids=lambda exchange: exchange.client)
async def test_a_client_is_understood(exchange: Exchange, nursery: trio.Nursery) -> None:
    handler = RecordingHandler("open")
    running = await start_server(nursery, handler, limits=LIMITS)
    rest = await trio.to_thread.run_sync(replay, exchange, "127.0.0.1", running.port)
    await running.wait_until_idle()
    assert running.broken == []
    # Whoever streams to the end of the connection is answered there.
    assert rest == (YES if exchange.last.strip(b"\0") else b"")
    assert len(handler.finished) == len(exchange.held)
    assert handler.aborted == []
    for job, held in zip(handler.finished, exchange.held, strict=True):
        control = job.control_file
        assert control is not None
        assert held.user in (control.user.lower(), control.banner_user.lower())
        assert len([content for content in job.documents.values() if content]) == len(held.documents)
