"""The server moves bytes both ways, keeps strangers out, and says yes only to what is durable."""

import errno

import pytest
import trio
import trio.testing
from structlog.testing import capture_logs

from protocols.limits import LprLimits
from tests.support.lpr import RawClient, RecordingHandler, RunningServer, start_server

CONTROL = b"Hhost\nPanna\nJnotes\nldfA001host\nNnotes.txt\n"
DATA = bytes(range(256)) * 20


async def send_control(client: RawClient, raw: bytes = CONTROL, answer: bytes | None = b"\0") -> None:
    await client.say(b"\x02%d cfA001host\n" % len(raw))
    await client.say(raw + b"\0", answer)


async def send_data(client: RawClient, raw: bytes = DATA, answer: bytes | None = b"\0") -> None:
    await client.say(b"\x03%d dfA001host\n" % len(raw))
    await client.say(raw + b"\0", answer)


async def serve(nursery: trio.Nursery, **limits: float) -> RunningServer:
    return await start_server(nursery, RecordingHandler(), limits=LprLimits(**limits))  # type: ignore[arg-type]


async def test_control_first(nursery: trio.Nursery) -> None:
    running = await serve(nursery)
    client = await running.connect()
    await client.say(b"\x02secure\n")
    await send_control(client)
    await send_data(client)
    (job,) = running.handler.finished
    assert job.calls == ["control", "document dfA001host", "finish"]
    assert job.documents == {"dfA001host": DATA}
    assert job.declared == {"dfA001host": len(DATA)}
    assert job.control_file is not None
    assert job.control_file.user == "anna"
    assert (job.queue, job.peer.host) == ("secure", "127.0.0.1")
    await client.aclose()
    await running.wait_until_idle()
    assert running.handler.aborted == []


async def test_data_first(nursery: trio.Nursery) -> None:
    running = await serve(nursery)
    client = await running.connect()
    await client.say(b"\x02secure\n")
    await send_data(client)
    await send_control(client)
    (job,) = running.handler.finished
    assert job.calls == ["document dfA001host", "control", "finish"]
    assert job.documents == {"dfA001host": DATA}


async def test_the_last_answer_waits_until_the_job_is_durable(nursery: trio.Nursery) -> None:
    running = await serve(nursery)
    running.handler.may_finish = trio.Event()
    client = await running.connect()
    await client.say(b"\x02secure\n")
    await send_control(client)
    await send_data(client, answer=None)
    with trio.move_on_after(0.1) as scope:
        await client.stream.receive_some(1)
    assert scope.cancelled_caught
    assert running.handler.finished == []
    running.handler.may_finish.set()
    assert await client.hear(1) == b"\0"
    assert len(running.handler.finished) == 1


async def test_a_job_that_is_not_durable_is_refused_and_forgotten(nursery: trio.Nursery) -> None:
    running = await serve(nursery)
    running.handler.durable = False
    client = await running.connect()
    await client.say(b"\x02secure\n")
    await send_control(client)
    await send_data(client, answer=None)
    assert await client.rest() == b"\x01"
    await client.aclose()
    await running.wait_until_idle()
    assert running.handler.aborted == running.handler.begun


async def test_an_internal_trouble_is_a_no_that_arrives_and_is_logged_once(nursery: trio.Nursery) -> None:
    running = await serve(nursery)
    running.handler.finish_error = OSError(errno.ENOSPC, "no space left")
    client = await running.connect()
    with capture_logs() as logs:
        await client.say(b"\x02secure\n")
        await send_control(client)
        await send_data(client, answer=None)
        assert await client.rest() == b"\x01"
        await client.aclose()
        await running.wait_until_idle()
    assert [entry["event"] for entry in logs] == ["lpr connection failed"]
    assert running.handler.aborted == running.handler.begun


@pytest.mark.parametrize("where", ["job", "document"])
async def test_what_the_handler_refuses_is_refused(nursery: trio.Nursery, where: str) -> None:
    running = await serve(nursery)
    running.handler.refuse_jobs = where == "job"
    running.handler.refused_documents = {"dfA001host"}
    client = await running.connect()
    await client.say(b"\x02secure\n")
    await client.say(b"\x03%d dfA001host\n" % len(DATA), b"\x01" if where == "job" else b"\0")
    if where == "document":
        # It is asked about with its first bytes.
        await client.say(DATA[:1], b"\x01")
    assert await client.rest() == b""
    await client.aclose()
    await running.wait_until_idle()
    assert running.handler.finished == []
    assert running.handler.aborted == running.handler.begun
    assert running.broken == []


async def test_an_unknown_size_is_ended_by_the_half_closed_connection(nursery: trio.Nursery) -> None:
    running = await serve(nursery)
    client = await running.connect()
    await client.say(b"\x02secure\n")
    await send_control(client)
    await client.say(b"\x03999999999999 dfA001host\n")
    await client.stream.send_all(DATA)
    await client.stream.send_eof()
    assert await client.rest() == b"\0"
    (job,) = running.handler.finished
    assert (job.documents, job.declared) == ({"dfA001host": DATA}, {"dfA001host": None})


async def test_a_client_that_streams_and_leaves_has_printed(nursery: trio.Nursery) -> None:
    running = await serve(nursery)
    client = await running.connect()
    await client.say(b"\x02secure\n")
    await send_control(client)
    await client.say(b"\x030 dfA001host\n")
    await client.stream.send_all(DATA)
    await client.aclose()
    await running.wait_until_idle()
    with trio.fail_after(60):
        while not running.handler.finished:
            await trio.sleep(0.001)
    assert running.handler.finished[0].documents == {"dfA001host": DATA}


async def test_a_connection_lost_inside_a_document_leaves_no_job(nursery: trio.Nursery) -> None:
    running = await serve(nursery)
    client = await running.connect()
    await client.say(b"\x02secure\n")
    await send_control(client)
    await client.say(b"\x0399999 dfA001host\n")
    await client.stream.send_all(DATA)
    await client.aclose()
    await running.wait_until_idle()
    with trio.fail_after(60):
        while not running.handler.aborted:
            await trio.sleep(0.001)
    assert running.handler.finished == []
    assert running.handler.begun[0].documents == {}


async def test_a_job_without_its_last_file_is_none(nursery: trio.Nursery) -> None:
    running = await serve(nursery)
    client = await running.connect()
    await client.say(b"\x02secure\n")
    await send_data(client)
    await client.aclose()
    await running.wait_until_idle()
    assert running.handler.aborted == running.handler.begun
    assert running.handler.finished == []


async def test_abort_forgets_the_job_at_once(nursery: trio.Nursery) -> None:
    running = await serve(nursery)
    client = await running.connect()
    await client.say(b"\x02secure\n")
    await send_control(client)
    await client.say(b"\x01\n")
    assert running.handler.aborted == running.handler.begun
    await send_data(client)
    await send_control(client)
    assert len(running.handler.finished) == 1


async def test_several_jobs_on_one_connection(nursery: trio.Nursery) -> None:
    running = await serve(nursery)
    client = await running.connect()
    await client.say(b"\x02secure\n")
    for _ in range(3):
        await send_control(client)
        await send_data(client)
    await client.say(b"\x02secure\n")
    await send_data(client)
    await send_control(client)
    assert len(running.handler.finished) == 4


async def test_a_document_is_passed_on_in_bounded_pieces_while_it_comes(nursery: trio.Nursery) -> None:
    running = await serve(nursery)
    client = await running.connect()
    await client.say(b"\x02secure\n")
    await send_control(client)
    data = b"\xa5" * (8 * 1024 * 1024)
    await send_data(client, data)
    assert running.handler.finished[0].documents["dfA001host"] == data
    assert running.handler.largest_piece <= 256 * 1024


async def test_a_handler_that_has_seen_enough_still_gets_past_the_rest(nursery: trio.Nursery) -> None:
    running = await serve(nursery)
    running.handler.enough_bytes = 10
    client = await running.connect()
    await client.say(b"\x02secure\n")
    await send_control(client)
    await send_data(client)
    assert len(running.handler.finished) == 1


@pytest.mark.parametrize(
    "command",
    [b"\x01nowhere\n", b"\x02nowhere\n", b"\x03nowhere\n", b"\x04nowhere\n", b"\x05nowhere anna 1\n"],
)
async def test_an_unknown_queue_is_refused_for_every_command(nursery: trio.Nursery, command: bytes) -> None:
    running = await serve(nursery)
    client = await running.connect()
    await client.stream.send_all(command)
    assert await client.rest() == b"\x01"
    assert running.handler.removals == []


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        (b"\x01secure\n", b"\0"),
        (b"\x03secure\n", b"secure short all\n"),
        (b"\x04secure anna 42\n", b"secure long anna,42\n"),
        (b"\x05secure anna 42\n", b"\0"),
        (b"\x05secure eve 42\n", b"\x01"),
    ],
)
async def test_questions_are_answered_and_the_connection_closed(
    nursery: trio.Nursery, command: bytes, answer: bytes
) -> None:
    running = await serve(nursery)
    client = await running.connect()
    await client.stream.send_all(command)
    assert await client.rest() == answer


async def test_a_stranger_gets_no_byte_and_is_counted(nursery: trio.Nursery) -> None:
    running = await start_server(nursery, RecordingHandler(), allowed=lambda host: host == "10.20.0.1")
    assert await running.turns_away()
    assert [peer.host for peer in running.refused] == ["127.0.0.1"]
    assert running.server.connections == 0


async def test_ipv4_peers_of_an_ipv6_listener_go_by_their_own_address(nursery: trio.Nursery) -> None:
    asked: list[str] = []

    def allowed(host: str) -> bool:
        asked.append(host)
        return True

    running = await start_server(nursery, RecordingHandler(), allowed=allowed, dual_stack=True)
    for host, expected in (("127.0.0.1", "127.0.0.1"), ("::1", "::1")):
        client = await running.connect(host)
        await client.say(b"\x01secure\n")
        assert asked.pop() == expected
        await client.aclose()


@pytest.mark.parametrize(
    "verb", [b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"POST / HTTP/1.1\r\n\r\n\x02secure\n", b"\x16\x03\x01"]
)
async def test_other_protocols_get_no_byte(nursery: trio.Nursery, verb: bytes) -> None:
    running = await serve(nursery)
    client = await running.connect()
    await client.stream.send_all(verb)
    assert await client.rest() == b""
    assert running.broken == ["not LPR"]
    assert running.handler.begun == []


async def test_garbage_after_a_command_is_told_no(nursery: trio.Nursery) -> None:
    running = await serve(nursery)
    client = await running.connect()
    await client.say(b"\x02secure\n")
    await client.stream.send_all(b"garbage\n")
    assert await client.rest() == b"\x01"
    await client.aclose()
    await running.wait_until_idle()
    assert running.broken == ["not LPR"]


async def test_a_document_beyond_the_limit_is_told_no(nursery: trio.Nursery) -> None:
    running = await serve(nursery, max_data_bytes=1000)
    client = await running.connect()
    await client.say(b"\x02secure\n")
    await send_control(client)
    await send_data(client, b"x" * 1001, answer=None)
    assert await client.rest() == b"\x01"
    await client.aclose()
    await running.wait_until_idle()
    assert running.handler.aborted == running.handler.begun


async def test_connections_are_bounded_in_all_and_per_address(nursery: trio.Nursery) -> None:
    running = await serve(nursery, max_connections=8)
    clients = []
    with capture_logs() as logs:
        for _ in range(2):
            client = await running.connect()
            await client.say(b"\x02secure\n")
            clients.append(client)
        assert await running.turns_away()
    assert logs[0]["event"] == "lpr connections exhausted"
    await clients[0].aclose()
    with trio.fail_after(60):
        while running.server.connections > 1:
            await trio.sleep(0.001)
    again = await running.connect()
    await again.say(b"\x02secure\n")


async def test_draining_lets_a_job_end_and_takes_nothing_new(nursery: trio.Nursery) -> None:
    running = await serve(nursery)
    idle, busy = await running.connect(), await running.connect()
    await idle.say(b"\x02secure\n")
    await busy.say(b"\x02secure\n")
    await send_control(busy)
    running.server.drain()
    assert await idle.rest() == b""
    with pytest.raises(OSError, match=r"127\.0\.0\.1"):
        await running.connect()
    await send_data(busy)
    assert await busy.rest() == b""
    assert len(running.handler.finished) == 1
    await busy.aclose()
    await running.wait_until_idle()


async def test_cancelling_the_server_aborts_jobs_in_progress() -> None:
    handler = RecordingHandler()
    async with trio.open_nursery() as nursery:
        running = await start_server(nursery, handler)
        client = await running.connect()
        await client.say(b"\x02secure\n")
        await send_control(client)
        nursery.cancel_scope.cancel()
    assert handler.aborted == handler.begun
    assert len(handler.begun) == 1


async def test_a_client_without_zero_bytes_is_answered_after_a_while(nursery: trio.Nursery) -> None:
    running = await serve(nursery, end_mark_timeout_s=0.05)
    client = await running.connect()
    await client.say(b"\x02secure\n")
    await client.say(b"\x02%d cfA001host\n" % len(CONTROL))
    await client.say(CONTROL)
    await client.say(b"\x03%d dfA001host\n" % len(DATA))
    await client.say(DATA)
    assert running.handler.finished[0].documents == {"dfA001host": DATA}


# --- time: real sockets, a clock that jumps


async def test_a_silent_peer_is_let_go(nursery: trio.Nursery, mock_clock: trio.testing.MockClock) -> None:
    running = await serve(nursery, idle_timeout_s=60.0)
    client = await running.connect()
    await client.say(b"\x02secure\n")
    mock_clock.jump(59)
    await trio.testing.wait_all_tasks_blocked()
    assert running.broken == []
    mock_clock.jump(2)
    assert await client.stream.receive_some() == b"\x01"
    await client.aclose()
    await trio.testing.wait_all_tasks_blocked(0.01)
    assert running.broken == ["the peer is too slow"]


async def test_one_byte_now_and_then_is_no_progress(
    nursery: trio.Nursery, mock_clock: trio.testing.MockClock
) -> None:
    running = await serve(nursery, idle_timeout_s=60.0)
    client = await running.connect()
    await client.say(b"\x02secure\n")
    await send_control(client)
    await client.say(b"\x0399999 dfA001host\n")
    for _ in range(6):
        await client.stream.send_all(b"x")
        await trio.testing.wait_all_tasks_blocked(0.01)
        mock_clock.jump(10)
    assert await client.stream.receive_some() == b"\x01"
    await client.aclose()
    await trio.testing.wait_all_tasks_blocked(0.01)
    assert running.broken == ["the peer is too slow"]


async def test_steady_progress_may_take_as_long_as_it_takes(
    nursery: trio.Nursery, mock_clock: trio.testing.MockClock
) -> None:
    running = await serve(nursery, idle_timeout_s=60.0)
    client = await running.connect()
    await client.say(b"\x02secure\n")
    await send_control(client)
    await client.say(b"\x03%d dfA001host\n" % (20 * 1024))
    for _ in range(20):
        mock_clock.jump(50)
        await trio.testing.wait_all_tasks_blocked()
        await client.stream.send_all(b"x" * 1024)
        await trio.testing.wait_all_tasks_blocked(0.01)
    await client.say(b"\0")
    assert len(running.handler.finished) == 1


async def test_time_the_daemon_takes_is_not_held_against_the_peer(
    nursery: trio.Nursery, mock_clock: trio.testing.MockClock
) -> None:
    running = await serve(nursery, idle_timeout_s=60.0)
    running.handler.may_finish = trio.Event()
    client = await running.connect()
    await client.say(b"\x02secure\n")
    await send_control(client)
    await send_data(client, answer=None)
    await trio.testing.wait_all_tasks_blocked(0.01)
    mock_clock.jump(600)
    await trio.testing.wait_all_tasks_blocked(0.01)
    running.handler.may_finish.set()
    assert await client.stream.receive_some(1) == b"\0"
