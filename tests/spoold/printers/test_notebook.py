"""What printers said they can do outlives the daemon, and nothing in it can bring the daemon down."""

from pathlib import Path

import pytest

from protocols.ipp.message import Group
from protocols.ipp.tags import GroupTag
from protocols.ipp.values import keyword, mime, text
from spoold.model.printer import Printer
from spoold.printers import notebook as module
from spoold.printers.notebook import Notebook
from spoold.printers.said import read
from tests.support.capabilities import A4, group

LOBBY = Printer("lobby", "ipps://192.0.2.21/ipp/print")


async def test_what_was_said_is_there_after_a_restart(tmp_path: Path) -> None:
    book = Notebook(tmp_path / "capabilities")
    assert book.of(LOBBY) is None
    await book.learn(LOBBY, group(text("printer-info", "not about abilities")))
    assert book.of(LOBBY) == read(group())
    assert Notebook(tmp_path / "capabilities").of(LOBBY) == read(group())
    (path,) = (tmp_path / "capabilities").iterdir()
    assert path.stat().st_mode & 0o777 == 0o600
    assert b"not about abilities" not in path.read_bytes()


async def test_only_a_change_starts_a_new_epoch(tmp_path: Path) -> None:
    book = Notebook(tmp_path)
    await book.learn(LOBBY, group())
    first = book.epoch
    await book.learn(LOBBY, group())
    assert book.epoch == first
    await book.learn(LOBBY, group(keyword("sides-supported", "one-sided")))
    assert book.epoch == first + 1


async def test_an_answer_that_makes_no_sense_changes_nothing(tmp_path: Path) -> None:
    book = Notebook(tmp_path)
    await book.learn(LOBBY, group())
    before = (book.epoch, book.of(LOBBY))
    await book.learn(LOBBY, Group(GroupTag.PRINTER))
    await book.learn(LOBBY, group(mime("document-format-supported", "???")))
    assert (book.epoch, book.of(LOBBY)) == before


async def test_an_answer_too_large_to_keep_is_ignored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_NOTE_BYTES", 100)
    book = Notebook(tmp_path)
    await book.learn(LOBBY, group())
    assert book.of(LOBBY) is None
    assert list(tmp_path.iterdir()) == []


async def test_another_machine_under_the_name_starts_anew(tmp_path: Path) -> None:
    await Notebook(tmp_path).learn(LOBBY, group())
    moved = Printer("lobby", "ipps://192.0.2.99/ipp/print")
    assert Notebook(tmp_path).of(moved) is None
    book = Notebook(tmp_path)
    assert book.of(LOBBY) is not None
    assert book.of(moved) is None


@pytest.mark.parametrize("octets", [b"", b"\x04", b"nonsense", b"\xff" * 5000])
async def test_a_damaged_file_is_as_good_as_none(tmp_path: Path, octets: bytes) -> None:
    book = Notebook(tmp_path)
    await book.learn(LOBBY, group())
    (path,) = tmp_path.iterdir()
    path.write_bytes(octets)
    again = Notebook(tmp_path)
    assert again.of(LOBBY) is None
    await again.learn(LOBBY, group())
    assert Notebook(tmp_path).of(LOBBY) is not None


async def test_a_folder_that_cannot_be_written_costs_only_the_restart(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    book = Notebook(tmp_path / "file" / "below")
    await book.learn(LOBBY, group())
    found = book.of(LOBBY)
    assert found is not None
    assert found.media_default == A4


async def test_a_printer_that_is_gone_is_forgotten(tmp_path: Path) -> None:
    book = Notebook(tmp_path)
    await book.learn(LOBBY, group())
    book.forget("lobby")
    book.forget("never-there")
    assert book.of(LOBBY) is None
    assert list(tmp_path.iterdir()) == []
