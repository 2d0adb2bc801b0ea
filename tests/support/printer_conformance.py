"""What every PrinterAdapter must do; run each check of CHECKS against a fresh printer that is ready."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import Protocol

import pytest
import trio

from spoold.printers.base import (
    NoSuchRemoteJob,
    Outgoing,
    PrinterAdapter,
    PrinterProblem,
    RemoteJob,
    RemoteState,
    Ticket,
)

TOKEN = "5a" * 16
OTHER = "c3" * 16
DOCUMENT = b"%PDF-1.4 " + bytes(range(256)) * 500
PDF = "application/pdf"


class Bench(Protocol):
    """A printer on the bench: the adapter, and what only somebody standing before it sees."""

    @property
    def adapter(self) -> PrinterAdapter: ...

    def paper(self) -> list[bytes]:
        """Every document that came out, in order."""
        ...

    def break_down(self) -> None:
        """Report a paper jam from now on."""
        ...

    def disappear(self) -> None:
        """Be gone from now on."""
        ...


Check = Callable[[Bench], Awaitable[None]]


def ticket(*formats: str, token: str = TOKEN) -> Ticket:
    return Ticket(token=token, user_name="spoold", formats=formats or (PDF,))


def outgoing(number: int = 1, *, last: bool = True, content: bytes = DOCUMENT) -> Outgoing:
    return Outgoing(number=number, format=PDF, size_bytes=len(content), last=last)


async def pieces(content: bytes = DOCUMENT, size: int = 4096) -> AsyncGenerator[bytes]:
    for start in range(0, len(content), size):
        yield content[start : start + size]


async def endless(begun: trio.Event) -> AsyncGenerator[bytes]:
    yield DOCUMENT[:4096]
    begun.set()
    await trio.sleep_forever()


async def finished(adapter: PrinterAdapter, remote: RemoteJob, told: Ticket) -> RemoteJob:
    with trio.fail_after(120):
        while not remote.state.final:
            await trio.sleep(0.1)
            remote = await adapter.progress(told, remote.remote_id)
    return remote


async def check_a_ready_printer_says_so(bench: Bench) -> None:
    status = await bench.adapter.status()
    assert status.ready
    assert status.state in {"idle", "processing"}
    assert status.printer == bench.adapter.name
    assert status.blocking == ()
    assert status.why == ""


async def check_a_jam_is_seen(bench: Bench) -> None:
    bench.break_down()
    status = await bench.adapter.status()
    assert not status.ready
    assert [reason.keyword for reason in status.blocking] == ["media-jam"]
    assert "jammed" in status.why


async def check_a_printer_that_is_gone_is_not_ready(bench: Bench) -> None:
    bench.disappear()
    status = await bench.adapter.status()
    assert (status.ready, status.state) == (False, "unknown")
    assert status.why


async def check_a_document_comes_out_whole(bench: Bench) -> None:
    told = ticket()
    remote_id = await bench.adapter.create(told)
    remote = await bench.adapter.send(told, remote_id, outgoing(), pieces())
    ended = await finished(bench.adapter, remote, told)
    assert ended.state is RemoteState.COMPLETED
    assert bench.paper() == [DOCUMENT]


async def check_several_documents_of_a_job(bench: Bench) -> None:
    told = ticket(PDF, PDF, PDF)
    documents = [DOCUMENT, b"%PDF-1.4 two", DOCUMENT[::-1]]
    remote_id = await bench.adapter.create(told)
    remote = RemoteJob(0, RemoteState.PENDING)
    for number, content in enumerate(documents, 1):
        document = outgoing(number, last=number == 3, content=content)
        remote = await bench.adapter.send(told, remote_id, document, pieces(content))
    await finished(bench.adapter, remote, told)
    assert sorted(bench.paper()) == sorted(documents)


async def check_a_job_is_found_by_its_token(bench: Bench) -> None:
    told = ticket()
    remote_id = await bench.adapter.create(told)
    remote = await bench.adapter.send(told, remote_id, outgoing(), pieces())
    found = await bench.adapter.find(told)
    assert found is not None
    assert found.remote_id == remote.remote_id
    await finished(bench.adapter, remote, told)
    found = await bench.adapter.find(told)
    assert found is not None
    assert found.state is RemoteState.COMPLETED


async def check_what_was_never_there_is_not_found(bench: Bench) -> None:
    stranger = ticket(token=OTHER)
    assert await bench.adapter.find(stranger) is None
    with pytest.raises(NoSuchRemoteJob):
        await bench.adapter.progress(stranger, 4711)
    with pytest.raises(NoSuchRemoteJob):
        await bench.adapter.cancel(stranger, 4711)


async def check_a_job_opened_only_is_canceled_without_paper(bench: Bench) -> None:
    told = ticket()
    remote_id = await bench.adapter.create(told)
    if remote_id is None:
        return
    await bench.adapter.cancel(told, remote_id)
    ended = await bench.adapter.progress(told, remote_id)
    assert ended.state is RemoteState.CANCELED
    assert bench.paper() == []


async def check_a_cancel_during_the_document_leaves_no_paper(bench: Bench) -> None:
    told = ticket()
    remote_id = await bench.adapter.create(told)
    begun = trio.Event()

    async def send() -> None:
        async with aclosing(endless(begun)) as content:
            await bench.adapter.send(told, remote_id, outgoing(), content)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(send)
        await begun.wait()
        found = await bench.adapter.find(told)
        assert found is not None
        await bench.adapter.cancel(told, found.remote_id)
        nursery.cancel_scope.cancel()
    ended = await finished(bench.adapter, found, told)
    assert ended.state is RemoteState.CANCELED
    assert ended.impressions == 0
    await trio.sleep(2)
    assert bench.paper() == []


async def check_a_cancel_after_the_end_is_refused(bench: Bench) -> None:
    told = ticket()
    remote_id = await bench.adapter.create(told)
    remote = await bench.adapter.send(told, remote_id, outgoing(), pieces())
    await finished(bench.adapter, remote, told)
    with pytest.raises(PrinterProblem):
        await bench.adapter.cancel(told, remote.remote_id)
    assert bench.paper() == [DOCUMENT]


async def check_a_printer_that_is_gone_raises_problems(bench: Bench) -> None:
    told = ticket()
    bench.disappear()
    with pytest.raises(PrinterProblem):
        await _create_and_send(bench.adapter, told)
    with pytest.raises(PrinterProblem):
        await bench.adapter.progress(ticket(token=OTHER), 1)


async def _create_and_send(adapter: PrinterAdapter, told: Ticket) -> None:
    remote_id = await adapter.create(told)
    await adapter.send(told, remote_id, outgoing(), pieces())


async def check_the_description_is_text(bench: Bench) -> None:
    description = await bench.adapter.describe()
    assert description.make_and_model.isprintable()


CHECKS: tuple[Check, ...] = tuple(
    value for name, value in sorted(globals().items()) if name.startswith("check_")
)
