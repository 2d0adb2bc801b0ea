"""Answers from memory: given only to whole requests where one may begin, within the same deadlines."""

from dataclasses import dataclass, field
from pathlib import Path

import pytest
import trio
import trio.testing

from protocols.http.server import Request, Response
from tests.support.http_peer import GET, echo, post, serving
from tests.support.tls_pair import make_tls_pair

QUESTION = post(b"how are you?")
CHUNKED = b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n"


@dataclass
class Memory:
    """Remembers every answer that may be given again, and what it was asked for."""

    answers: dict[tuple[bytes, bool], bytes] = field(default_factory=dict)
    asked: list[bytes] = field(default_factory=list)

    def recall(self, octets: bytes, *, tls: bool) -> bytes | None:
        self.asked.append(octets)
        return self.answers.get((octets, tls))

    def keep(self, octets: bytes, answer: bytes, again: object, *, tls: bool) -> None:
        assert again == "again"
        self.answers[octets, tls] = answer


@dataclass
class Handler:
    """Answers with the body, and says that this may be given again."""

    again: object = "again"
    seen: int = 0

    async def __call__(self, request: Request) -> Response:
        self.seen += 1
        answered = await echo(request)
        return Response(200, (), answered.body, self.again)


async def test_an_answer_is_given_again_without_the_handler() -> None:
    handler, memory = Handler(), Memory()
    async with serving(handler, repeats=memory) as served:
        one, other = await served.connect(), await served.connect()
        answers = [await peer.ask(QUESTION) for peer in (one, one, other, one)]
        assert {answer.body for answer in answers} == {b"how are you?"}
        assert handler.seen == 1
        assert served.server.statistics.snapshot().requests == 4
        await one.aclose()
        await other.aclose()


async def test_a_handler_decides_what_may_be_given_again() -> None:
    handler, memory = Handler(again=None), Memory()
    async with serving(handler, repeats=memory) as served:
        peer = await served.connect()
        await peer.ask(QUESTION)
        await peer.ask(QUESTION)
        assert (handler.seen, memory.answers) == (2, {})
        await peer.aclose()


@pytest.mark.parametrize(
    "request_bytes",
    [
        CHUNKED,
        GET,
        post(b"x", b"Connection: close\r\n"),
        post(b"x", b"Expect: 100-continue\r\n"),
        post(b"x") + post(b"pipelined"),
    ],
)
async def test_only_a_whole_request_with_a_length_is_kept(request_bytes: bytes) -> None:
    handler, memory = Handler(), Memory()
    async with serving(handler, repeats=memory) as served:
        peer = await served.connect()
        await peer.ask(request_bytes)
        await trio.testing.wait_all_tasks_blocked()
        assert handler.seen >= 1
        assert request_bytes not in {octets for octets, _ in memory.answers}
        await peer.aclose()


@pytest.mark.parametrize("cut", [1, 20, len(QUESTION) - 13, len(QUESTION) - 1])
async def test_a_request_in_two_pieces_is_neither_kept_nor_mistaken_for_two(cut: int) -> None:
    handler, memory = Handler(), Memory()
    async with serving(handler, repeats=memory) as served:
        peer = await served.connect()
        for _ in range(2):
            await peer.send(QUESTION[:cut])
            await trio.testing.wait_all_tasks_blocked(0.01)
            assert (await peer.ask(QUESTION[cut:])).body == b"how are you?"
        assert (handler.seen, memory.answers) == (2, {})
        await peer.aclose()


async def test_octets_of_a_body_are_no_question() -> None:
    """A document that holds a known request from its first octet on is a document."""
    handler, memory = Handler(), Memory()
    async with serving(handler, repeats=memory) as served:
        peer = await served.connect()
        await peer.ask(QUESTION)
        head = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(QUESTION)
        await peer.send(head)
        await trio.testing.wait_all_tasks_blocked(0.01)
        answer = await peer.ask(QUESTION)
        assert answer.body == QUESTION
        assert handler.seen == 2
        await peer.aclose()


async def test_what_is_pipelined_behind_a_known_question_is_answered() -> None:
    handler, memory = Handler(), Memory()
    async with serving(handler, repeats=memory) as served:
        peer = await served.connect()
        await peer.ask(QUESTION)
        await peer.send(QUESTION + post(b"and you?") + QUESTION)
        assert [(await peer.answer()).body for _ in range(3)] == [
            b"how are you?",
            b"and you?",
            b"how are you?",
        ]
        await peer.aclose()


async def test_memory_is_asked_over_tls_and_told_so(tmp_path: Path) -> None:
    pair = make_tls_pair(tmp_path)
    handler, memory = Handler(), Memory()
    async with serving(handler, repeats=memory, tls_context=lambda: pair.server) as served:
        plain, secure = await served.connect(), await served.connect_tls(pair.client)
        for peer in (plain, secure, plain, secure):
            assert (await peer.ask(QUESTION)).body == b"how are you?"
        assert handler.seen == 2
        assert set(memory.answers) == {(QUESTION, False), (QUESTION, True)}
        # Several in one record, and one in several.
        await secure.send(QUESTION * 2)
        assert [(await secure.answer()).body for _ in range(2)] == [b"how are you?"] * 2
        await plain.aclose()
        await secure.aclose()


async def test_a_long_answer_waits_for_a_client_that_reads_slowly() -> None:
    """An answer from memory that does not fit into the socket is sent to its end by the connection's task."""
    memory = Memory()
    length = 20_000_000
    memory.answers[QUESTION, False] = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % length + bytes(
        length
    )
    handler = Handler()
    async with serving(handler, repeats=memory) as served:
        peer = await served.connect()
        await peer.send(QUESTION)
        await trio.testing.wait_all_tasks_blocked(0.01)
        assert len((await peer.answer()).body) == length
        assert (await peer.ask(post(b"next"))).body == b"next"
        assert handler.seen == 1
        await peer.aclose()


async def test_a_drain_ends_a_connection_that_was_answered_from_memory() -> None:
    handler, memory = Handler(), Memory()
    async with serving(handler, repeats=memory) as served:
        peer = await served.connect()
        await peer.ask(QUESTION)
        await peer.ask(QUESTION)
        served.server.drain()
        assert await peer.rest() == b""
        await peer.aclose()


async def test_idle_time_counts_from_the_last_answer(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """30 s after an answer, from memory or not, the connection is closed; not before."""
    autojump_clock.autojump_threshold = 0.01  # real sockets need a moment of real time
    handler, memory = Handler(), Memory()
    async with serving(handler, repeats=memory) as served:
        peer = await served.connect()
        for _ in range(4):
            assert (await peer.ask(QUESTION)).status == 200
            await trio.sleep(25)
        began = trio.current_time()
        assert await peer.rest() == b""
        assert trio.current_time() - began <= 5 + 1.1
        assert served.server.statistics.snapshot().timeouts == {"idle": 1}
        assert handler.seen == 1
        await peer.aclose()
