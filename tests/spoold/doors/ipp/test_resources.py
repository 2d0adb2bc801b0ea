"""What the IPP listener gives to GET: addresses in Printer attributes lead somewhere, for everybody."""

import struct
from urllib.parse import urlsplit

import pytest

from protocols.ipp.operations import Operation
from protocols.ipp.values import natural_language
from spoold.doors.ipp.resources import ICONS, language_of
from spoold.doors.ipp.strings import LANGUAGES, strings_file
from tests.support.ipp_door import IppHouse

BROWSER = {"sec-fetch-mode": "navigate", "sec-fetch-site": "none", "content-type": ""}
NAMED = (
    "printer-icons",
    "printer-more-info",
    "printer-privacy-policy-uri",
    "printer-strings-uri",
    "printer-supply-info-uri",
)


async def test_every_address_in_the_attributes_leads_somewhere(door: IppHouse) -> None:
    printer = (await door.ask(Operation.GET_PRINTER_ATTRIBUTES)).printer
    for name in NAMED:
        addresses = printer.strings(name)
        assert addresses, name
        for address in addresses:
            parts = urlsplit(address)
            assert (parts.scheme, parts.netloc) == ("https", "print.example.org:631")
            reply = await door.send([], method="GET", path=parts.path, headers=BROWSER)
            assert reply.http == 200, address
            assert reply.response.body
            assert reply.field("X-Content-Type-Options") == "nosniff"


async def test_the_front_page_names_the_address_by_which_it_was_reached(door: IppHouse) -> None:
    reply = await door.send([], method="GET", path="/", headers={**BROWSER, "host": "spooler.local:8631"})
    assert b"ipps://spooler.local:8631/ipp/print/QUEUE" in reply.response.body


@pytest.mark.parametrize(("name", "size"), ICONS.items())
async def test_an_icon_is_a_png_of_its_size(door: IppHouse, name: str, size: int) -> None:
    reply = await door.send([], method="GET", path=f"/icons/{name}")
    assert reply.field("Content-Type") == "image/png"
    assert reply.response.body.startswith(b"\x89PNG\r\n\x1a\n")
    assert struct.unpack(">II", reply.response.body[16:24]) == (size, size)
    assert len(reply.response.body) < 8192


@pytest.mark.parametrize(
    "path",
    [
        "/icons/printer-49.png",
        "/icons/../privacy",
        "/strings/de.strings",
        "/strings/en",
        "/supplies/none",
        "/supplies/open/1",
        "/supplies/",
        "/privacy/",
        "//",
    ],
)
async def test_nothing_else_is_there(door: IppHouse, path: str) -> None:
    assert (await door.send([], method="GET", path=path)).http == 404


async def test_words_come_in_the_language_of_the_request(door: IppHouse) -> None:
    operation = Operation.GET_PRINTER_ATTRIBUTES
    english = await door.ask(operation)
    assert (english.printer.string("printer-strings-uri") or "").endswith("/strings/en.strings")
    asked = [language_of(tag) for tag in ("fr", "fr-CA", "FR", "de", "", None)]
    assert asked == ["fr", "fr", "fr", "en", "en", "en"]
    assert natural_language("x", *LANGUAGES).strings() == ("en", "fr")


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_strings_file_is_read_line_by_line(language: str) -> None:
    comment, *lines, last = strings_file(language).decode().split("\n")
    assert comment == f"/* spoold, {language} */"
    assert last == ""
    for line in lines:
        key, equals, words = line.removesuffix(";").partition(" = ")
        assert line.endswith(";")
        assert equals
        assert all(text.strip('"') for text in (key, words))
        assert line.count('"') == 4


async def test_a_page_shows_no_markup_of_others(door: IppHouse) -> None:
    page = await door.send([], method="GET", path="/", headers={"accept": "<script>"})
    assert b"<script" not in page.response.body
    assert "default-src 'none'" in (page.field("Content-Security-Policy") or "")
    assert b"secure" in page.response.body
