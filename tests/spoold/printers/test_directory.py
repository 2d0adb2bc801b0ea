"""The directory: one question at a time for lists, a fresh one for releases, three seconds at most."""

from collections.abc import Callable
from dataclasses import dataclass, field

import trio
from trio.testing import MockClock

from protocols.ipp.values import keyword
from spoold.model.printer import Printer
from spoold.model.site import Site
from spoold.printers.base import PrinterAdapter, PrinterDescription, Supply
from spoold.printers.capabilities import DEFAULT
from spoold.printers.directory import DESCRIBE_S, LIST_AGE_S, POLL_S, PrinterDirectory, make_adapter
from spoold.printers.folder_printer import FolderPrinter
from spoold.printers.ipp_printer import IppPrinter
from spoold.runtime.clock import Clock
from spoold.runtime.metrics import Metrics
from tests.support.capabilities import group
from tests.support.memory_printer import MemoryPrinter, for_ever
from tests.support.release_house import queue, site_of
from tests.support.trio_clock import TrioClock


@dataclass
class Floor:
    directory: PrinterDirectory
    metrics: Metrics
    site: Site
    made: list[MemoryPrinter] = field(default_factory=list)

    def printer(self, name: str) -> MemoryPrinter:
        adapter = self.directory.adapter(name)
        assert isinstance(adapter, MemoryPrinter)
        return adapter


def floor(*names: str) -> Floor:
    printers = [Printer(name, "folder:/nowhere") for name in names]
    box: list[Floor] = []

    def current() -> Site:
        return box[0].site

    def make(printer: Printer, clock: Clock) -> PrinterAdapter:
        box[0].made.append(MemoryPrinter(printer, clock))
        return box[0].made[-1]

    metrics = Metrics()
    directory = PrinterDirectory(site=current, clock=TrioClock(), metrics=metrics, make=make)
    box.append(Floor(directory, metrics, site_of([queue("secure", *names)], printers)))
    return box[0]


async def test_a_fresh_status_is_asked_every_time() -> None:
    here = floor("lobby")
    for _ in range(3):
        assert (await here.directory.status("lobby")).ready
    assert here.printer("lobby").calls == ["status"] * 3


async def test_a_printer_that_hangs_is_unknown_in_three_seconds(autojump_clock: MockClock) -> None:
    here = floor("lobby")
    here.printer("lobby").before["status"] = for_ever
    status = await here.directory.status("lobby")
    assert (status.ready, status.state, status.why) == (False, "unknown", "The printer does not answer.")
    assert trio.current_time() == 3.0


async def test_no_such_printer() -> None:
    here = floor("lobby")
    status = await here.directory.status("attic")
    assert (status.ready, status.state) == (False, "unknown")
    assert here.directory.adapter("attic") is None


async def test_many_who_look_at_a_list_ask_once(autojump_clock: MockClock) -> None:
    here = floor("lobby", "floor-2")
    here.printer("lobby").before["status"] = lambda: trio.sleep(1)

    async def look(_: int) -> None:
        assert set(await here.directory.statuses()) == {"lobby", "floor-2"}

    for _ in range(2):
        async with trio.open_nursery() as nursery:
            for number in range(100):
                nursery.start_soon(look, number)
    assert here.printer("lobby").calls == ["status"]
    await trio.sleep(LIST_AGE_S + 0.1)
    await look(0)
    assert here.printer("lobby").calls == ["status"] * 2


async def test_one_silent_printer_does_not_hold_up_the_list(autojump_clock: MockClock) -> None:
    here = floor("lobby", "floor-2", "attic")
    here.printer("floor-2").before["status"] = for_ever
    found = await here.directory.statuses()
    assert list(found) == ["lobby", "floor-2", "attic"]
    assert [status.ready for status in found.values()] == [True, False, True]
    assert trio.current_time() == 3.0


async def test_a_viewer_who_leaves_does_not_spoil_it_for_others(autojump_clock: MockClock) -> None:
    here = floor("lobby")
    here.printer("lobby").before["status"] = lambda: trio.sleep(1)
    async with trio.open_nursery() as nursery:
        with trio.move_on_after(0.5):
            await here.directory.status("lobby", fresh=False)
        nursery.start_soon(here.directory.statuses)
    assert (await here.directory.status("lobby", fresh=False)).ready


async def test_a_reload_replaces_the_adapter(autojump_clock: MockClock) -> None:
    here = floor("lobby")
    first = here.printer("lobby")
    here.site = site_of([], [Printer("lobby", "folder:/elsewhere")])
    second = here.printer("lobby")
    assert second is not first
    assert second.printer.uri == "folder:/elsewhere"
    assert here.printer("lobby") is second


async def run_for(here: Floor, seconds: float, then: Callable[[], None] | None = None) -> None:
    async with trio.open_nursery() as nursery:
        await nursery.start(here.directory.run)
        await trio.sleep(seconds)
        if then is not None:
            then()
            await trio.sleep(POLL_S + 1)
        nursery.cancel_scope.cancel()


async def test_the_background_look_is_bounded(autojump_clock: MockClock) -> None:
    names = [f"p{number}" for number in range(50)]
    here = floor(*names)
    busy, most = 0, 0

    async def slowly() -> None:
        nonlocal busy, most
        busy += 1
        most = max(most, busy)
        await trio.sleep(0.5)
        busy -= 1

    for name in names:
        here.printer(name).before["status"] = slowly
    await run_for(here, POLL_S - 5)
    assert most == 8
    assert all(here.printer(name).calls == ["status"] for name in names)


async def test_metrics_and_descriptions_follow(autojump_clock: MockClock) -> None:
    here = floor("lobby", "floor-2")
    here.printer("floor-2").reasons = ("media-jam",)
    await run_for(here, 1)
    page = here.metrics.render().decode()
    assert 'spoold_printer_ready{printer="lobby"} 1.0' in page
    assert 'spoold_printer_ready{printer="floor-2"} 0.0' in page
    assert 'spoold_printer_up{printer="floor-2"} 1.0' in page
    assert here.directory.description("lobby").make_and_model == "Memory"
    assert here.directory.description("attic").make_and_model == ""
    assert DESCRIBE_S > POLL_S


async def test_a_printer_that_left_the_configuration_is_forgotten(autojump_clock: MockClock) -> None:
    here = floor("lobby", "floor-2")

    def remove() -> None:
        here.site = site_of([], [Printer("lobby", "folder:/nowhere")])

    await run_for(here, 1, remove)
    page = here.metrics.render().decode()
    assert 'printer="floor-2"' not in page
    assert 'spoold_printer_ready{printer="lobby"} 1.0' in page


def test_the_uri_says_what_kind_of_printer_it_is() -> None:
    class Stopped:
        """A clock that nobody asks."""

    clock: Clock = Stopped()  # type: ignore[assignment]
    assert isinstance(make_adapter(Printer("a", "folder:/tmp/out"), clock), FolderPrinter)
    for uri in ("ipp://10.0.0.1/ipp/print", "ipps://printer.example.org/ipp/print"):
        assert isinstance(make_adapter(Printer("b", uri), clock), IppPrinter)


async def test_the_round_learns_what_printers_can_do(autojump_clock: MockClock) -> None:
    here = floor("lobby", "floor-2")
    lobby = Printer("lobby", "ipp://192.0.2.1/ipp/print")
    here.site = site_of([queue("secure", "lobby", "floor-2")], [lobby, here.site.printers["floor-2"]])
    assert here.directory.capabilities("lobby") is None
    assert here.directory.capabilities("floor-2") is DEFAULT
    assert here.directory.capabilities("attic") is None
    here.printer("lobby").description = PrinterDescription(
        "Acme", (Supply("Black", 40, False),), group(keyword("sides-supported", "one-sided"))
    )
    before = here.directory.epoch
    async with trio.open_nursery() as nursery:
        await nursery.start(here.directory.run)
        await trio.sleep(1)
        nursery.cancel_scope.cancel()
    assert here.directory.epoch > before
    learned = here.directory.capabilities("lobby")
    assert learned is not None
    assert learned.choices["sides"].values == ("one-sided",)
    both = here.site.queues["secure"]
    assert here.directory.queue_capabilities(both).choices["sides"].values == ("one-sided",)
    assert [supply.name for supply in here.directory.queue_supplies(both)] == ["lobby: Black"]
    alone = queue("alone", "lobby")
    assert here.directory.queue_capabilities(alone) == learned
    assert [supply.name for supply in here.directory.queue_supplies(alone)] == ["Black"]
