"""Every kind of printer does what the release counts on."""

from dataclasses import dataclass
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from spoold.model.printer import Printer
from spoold.printers.base import PrinterRefused
from spoold.printers.folder_printer import FolderPrinter
from spoold.printers.ipp_printer import IppPrinter
from tests.support.fake_ipp_printer import FakeIppPrinter
from tests.support.memory_printer import MemoryPrinter
from tests.support.printer_conformance import CHECKS, Bench, Check, ticket
from tests.support.tls_pair import make_tls_pair
from tests.support.trio_clock import TrioClock


@dataclass
class FolderBench:
    adapter: FolderPrinter
    folder: Path

    def paper(self) -> list[bytes]:
        return [
            path.read_bytes()
            for path in sorted(self.folder.iterdir())
            if path.name != "printer-state-reasons" and not path.name.endswith(".part")
        ]

    def break_down(self) -> None:
        (self.folder / "printer-state-reasons").write_text("media-jam\n")

    def disappear(self) -> None:
        self.folder.rename(self.folder.with_name("elsewhere"))


@dataclass
class IppBench:
    adapter: IppPrinter
    printer: FakeIppPrinter

    def paper(self) -> list[bytes]:
        return [document for _, document in self.printer.paper]

    def break_down(self) -> None:
        self.printer.reasons = ("media-jam",)

    def disappear(self) -> None:
        self.printer.vanish()


@dataclass
class MemoryBench:
    adapter: MemoryPrinter

    def paper(self) -> list[bytes]:
        return [document for _, document in self.adapter.paper]

    def break_down(self) -> None:
        self.adapter.reasons = ("media-jam",)

    def disappear(self) -> None:
        self.adapter.vanish()


@pytest.fixture(name="folder")
def _folder(tmp_path: Path) -> Path:
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
async def test_a_folder_conforms(check: Check, folder: Path) -> None:
    printer = Printer("lobby", f"folder:{folder}")
    await check(FolderBench(FolderPrinter(printer, TrioClock()), folder))


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
async def test_the_tests_own_printer_conforms(check: Check, autojump_clock: MockClock) -> None:
    await check(MemoryBench(MemoryPrinter(Printer("lobby", "ipp://nowhere"), TrioClock())))


@pytest.mark.parametrize("secure", [False, True], ids=["ipp", "ipps"])
@pytest.mark.parametrize("one_step", [False, True], ids=["create-job", "print-job"])
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
async def test_an_ipp_printer_conforms(
    check: Check, one_step: bool, secure: bool, tmp_path: Path, mock_clock: MockClock
) -> None:
    mock_clock.autojump_threshold = 0.02
    if one_step and "several" in check.__name__:
        check = _several_are_refused
    pair = make_tls_pair(tmp_path) if secure else None
    fake = FakeIppPrinter(tls=None if pair is None else pair.server, one_step=one_step, page_s=0.5)
    async with trio.open_nursery() as nursery:
        await nursery.start(fake.serve)
        configured = Printer("lobby", fake.uri, ca=None if pair is None else str(pair.certificate))
        adapter = IppPrinter(configured, TrioClock())
        await adapter.status()
        await check(IppBench(adapter, fake))
        await adapter.aclose()
        nursery.cancel_scope.cancel()


async def _several_are_refused(bench: Bench) -> None:
    with pytest.raises(PrinterRefused, match="one document at a time"):
        await bench.adapter.create(ticket("application/pdf", "application/pdf"))
    assert bench.paper() == []
