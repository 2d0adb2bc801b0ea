"""What a print dialog offers is what the queue says: the PPD that `lpadmin -m everywhere` makes."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.conftest import MakeDaemon
from tests.integration.recorder import wait_until
from tests.support.cups import Cups

SITE = """
[printers.out]
uri = "folder:{out}"
[queues.full]
printers = ["out"]
[queues.few]
printers = ["out"]
pins = "off"
[queues.few.capabilities]
sides = ["one-sided"]
color = false
media = ["iso_a4_210x297mm", "na_letter_8.5x11in"]
[queues.raster]
printers = ["out"]
formats = ["image/urf"]
"""


@pytest.fixture
def cups() -> Iterator[Cups]:
    """A cupsd for each test: told of a new address, it keeps the old description for a while."""
    one = Cups()
    one.start()
    yield one
    one.stop()


@pytest.fixture
def ppds(make_daemon: MakeDaemon, cups: Cups, tmp_path: Path) -> dict[str, str]:
    """The PPD of each queue, which cupsd makes in the background."""
    daemon = make_daemon(SITE.format(out=tmp_path), listen={"ipp": "127.0.0.1:0"})
    made = {}
    for queue in ("full", "few", "raster"):
        cups.add_queue(queue, daemon.ipp_uri(queue))
        path = cups.root / f"etc/ppd/{queue}.ppd"
        wait_until(path.exists, f"the PPD of {queue}\n{cups.log[-2000:]}")
        made[queue] = path.read_text()
    return made


def choices(ppd: str, option: str) -> set[str]:
    return set(re.findall(rf"^\*{option} ([^:/]+)[:/]", ppd, re.MULTILINE))


def value(ppd: str, keyword: str) -> str | None:
    found = re.search(rf"^\*{keyword}: \"?([^\"\n]*)", ppd, re.MULTILINE)
    return None if found is None else found[1]


def test_the_dialog_offers_what_the_queue_can_do(ppds: dict[str, str]) -> None:
    ppd = ppds["full"]
    assert {"A4", "Letter", "A3", "Legal"} <= choices(ppd, "PageSize")
    assert value(ppd, "DefaultPageSize") == "A4"
    assert choices(ppd, "Duplex") == {"None", "DuplexNoTumble", "DuplexTumble"}
    assert choices(ppd, "ColorModel") == {"Gray", "RGB"}
    assert choices(ppd, "cupsPrintQuality") == {"Draft", "Normal", "High"}
    assert 'cupsFilter2: "application/vnd.cups-pdf application/pdf 10 -"' in ppd


def test_the_dialog_has_fields_for_pin_and_account(ppds: dict[str, str]) -> None:
    # As many characters as a PIN may have, of any kind.
    assert value(ppds["full"], "cupsJobPassword") == "." * 32
    assert value(ppds["full"], "cupsJobAccountId") == "True"
    assert value(ppds["few"], "cupsJobPassword") is None


def test_the_dialog_offers_no_more_than_that(ppds: dict[str, str]) -> None:
    ppd = ppds["few"]
    assert choices(ppd, "PageSize") == {"A4", "Letter"}
    assert choices(ppd, "Duplex") == set()
    assert choices(ppd, "ColorModel") <= {"Gray"}
    assert value(ppd, "ColorDevice") == "False"


def test_a_queue_for_phones_is_printed_to_in_urf(ppds: dict[str, str]) -> None:
    assert re.findall(r'cupsFilter2: "([^ ]+) ', ppds["raster"]) == ["image/urf"]


def test_the_dialog_leads_to_pages_of_ours(ppds: dict[str, str]) -> None:
    assert (value(ppds["full"], "cupsPrivacyURI") or "").endswith("/privacy")
    assert {"en", "fr"} <= set((value(ppds["full"], "cupsLanguages") or "").split())
