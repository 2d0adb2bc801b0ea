"""What the network is told of a queue is what its Printer attributes say, in the keys that clients read."""

from datetime import timedelta

import pytest

from protocols.ipp.values import Attribute, boolean, enum, keyword, mime, range_, text, uri
from spoold.model.queue import Authentication, Queue, Release
from spoold.printers.dns_sd import MAX_NAME_OCTETS, Announcement, ServiceNames, announce, paper_max


def queue(name: str = "secure", description: str = "") -> Queue:
    return Queue(
        name=name,
        printers=("lobby",),
        mask_names=True,
        authentication=Authentication.REQUIRED,
        release=Release.BY_OWNER,
        expires_after=timedelta(hours=4),
        description=description,
    )


def attributes(*others: Attribute, tls: bool = False) -> dict[str, Attribute]:
    root = f"http{'s' if tls else ''}://spooler.local:631/"
    told = (
        text("printer-make-and-model", "spoold Held Printing"),
        text("printer-location", "Lobby"),
        uri("printer-more-info", root),
        uri("printer-uuid", "urn:uuid:5b0d6c1e-7d1f-4f0c-9c55-0a4f5c0b1d11"),
        mime(
            "document-format-supported",
            "application/octet-stream",
            "application/pdf",
            "image/jpeg",
            "image/png",
            "image/pwg-raster",
            "image/urf",
        ),
        keyword("urf-supported", "V1.5", "W8", "SRGB24", "RS300-600"),
        boolean("color-supported", True),
        keyword("sides-supported", "one-sided", "two-sided-long-edge"),
        range_("copies-supported", (1, 999)),
        enum("finishings-supported", 3, 4),
        keyword("media-supported", "iso_a4_210x297mm", "iso_a3_297x420mm"),
        keyword("uri-authentication-supported", "requesting-user-name"),
        text("mopria-certified", "1.3"),
        *others,
    )
    return {attribute.name: attribute for attribute in told}


def made(
    *others: Attribute, without: str = "", lpr_port: int = 0, upgrade_tls: str | None = None
) -> Announcement:
    told = {tls: attributes(*others, tls=tls) for tls in (False, True)}
    for one in told.values():
        one.pop(without, None)
    return announce(
        "secure",
        "Secure",
        ipp=told[False],
        ipps=told[True],
        port=8631,
        lpr_port=lpr_port,
        upgrade_tls=upgrade_tls,
    )


def records(announcement: Announcement, kind: str = "_ipp._tcp") -> dict[str, str]:
    """The TXT record of one service as clients read it (RFC 6763 6.4: keys regardless of case, each once)."""
    (service,) = [one for one in announcement.services if one.type == kind]
    pairs = [string.decode().split("=", 1) for string in service.txt]
    assert len({key.lower() for key, _ in pairs}) == len(pairs)
    return {pair[0]: pair[1] for pair in pairs}


def test_the_record_says_what_the_attributes_say() -> None:
    assert records(made()) == {
        "txtvers": "1",
        "qtotal": "1",
        "rp": "ipp/print/secure",
        "ty": "spoold Held Printing",
        "product": "(spoold Held Printing)",
        "note": "Lobby",
        "priority": "0",
        "pdl": "image/urf,application/pdf,image/pwg-raster,image/jpeg,image/png",
        "adminurl": "http://spooler.local:631/",
        "UUID": "5b0d6c1e-7d1f-4f0c-9c55-0a4f5c0b1d11",
        "URF": "V1.5,W8,SRGB24,RS300-600",
        "Color": "T",
        "Duplex": "T",
        "Copies": "T",
        "Collate": "T",
        "Staple": "T",
        "PaperMax": "tabloid-A3",
        "kind": "document",
        "Fax": "F",
        "Scan": "F",
        "print_wfds": "T",
        "mopria-certified": "1.3",
    }


def test_the_version_comes_first() -> None:
    """RFC 6763 6.7: txtvers is the first string."""
    for service in made(lpr_port=515).services:
        assert service.txt[0] == b"txtvers=1"


def test_one_name_stands_for_all_services() -> None:
    flagship, ipp, ipps = made().services
    assert (flagship.type, flagship.port, flagship.txt) == ("_printer._tcp", 0, ())
    assert (ipp.type, ipp.port, ipp.subtypes) == ("_ipp._tcp", 8631, ("_universal", "_print"))
    assert (ipps.type, ipps.port, ipps.subtypes) == ("_ipps._tcp", 8631, ("_universal", "_print"))


def test_each_service_names_the_address_of_its_own_scheme() -> None:
    assert records(made(), "_ipps._tcp")["adminurl"] == "https://spooler.local:631/"


def test_lpr_is_named_where_it_takes_jobs_and_chosen_last() -> None:
    announcement = made(lpr_port=515)
    assert announcement.services[0].port == 515
    told = records(announcement, "_printer._tcp")
    assert (told["rp"], told["priority"]) == ("secure", "99")
    assert "air" not in told


@pytest.mark.parametrize(
    ("attribute", "key", "value"),
    [
        (boolean("color-supported", False), "Color", "F"),
        (keyword("sides-supported", "one-sided"), "Duplex", "F"),
        (keyword("uri-authentication-supported", "basic", "basic"), "air", "username,password"),
        (keyword("printer-kind", "document", "photo"), "kind", "document,photo"),
        (text("printer-location", ""), "note", ""),
    ],
)
def test_other_attributes_make_other_records(attribute: Attribute, key: str, value: str) -> None:
    assert records(made(attribute))[key] == value


@pytest.mark.parametrize(
    ("attribute", "key"),
    [
        ("urf-supported", "URF"),
        ("mopria-certified", "mopria-certified"),
        ("finishings-supported", "Staple"),
    ],
)
def test_what_is_not_there_is_not_announced(attribute: str, key: str) -> None:
    assert key in records(made())
    assert key not in records(made(without=attribute))


def test_the_upgrade_is_announced_on_the_port_that_can_be_upgraded() -> None:
    """RFC 2817; whoever reads TLS there expects it to work."""
    announcement = made(upgrade_tls="1.3")
    assert records(announcement)["TLS"] == "1.3"
    assert records(announcement, "_ipps._tcp")["TLS"] == "1.3"
    assert "TLS" not in records(made())


def test_a_string_never_exceeds_its_length_octet() -> None:
    """RFC 6763 6.1. A list ends with a whole value, a text with a whole character."""
    formats = mime("document-format-supported", *(f"application/x-{number:050}" for number in range(9)))
    told = made(formats, text("printer-location", "\u00e9" * 200), text("printer-make-and-model", "m" * 127))
    for service in told.services:
        assert all(len(string) <= 255 for string in service.txt)
    record = records(told)
    assert [len(one) for one in record["pdl"].split(",")] == [64] * 3
    assert set(record["note"]) == {"\u00e9"}


@pytest.mark.parametrize(
    ("media", "expected"),
    [
        ((), "legal-A4"),
        (("iso_a4_210x297mm", "na_legal_8.5x14in"), "legal-A4"),
        (("iso_a4_210x297mm", "na_ledger_11x17in"), "tabloid-A3"),
        (("iso_a2_420x594mm",), "isoC-A2"),
        (("iso_a0_841x1189mm",), ">isoC-A2"),
        (("custom_min_10x10mm", "auto"), "legal-A4"),
    ],
)
def test_the_largest_sheet_has_a_class(media: tuple[str, ...], expected: str) -> None:
    assert paper_max(media) == expected


def test_a_queue_is_called_by_its_description_or_its_name_and_server() -> None:
    names = ServiceNames("print.example.org")
    assert names.of(queue()) == "secure @ print.example.org"
    assert names.of(queue(description="Print here,\trelease\nanywhere ")) == "Print here, release anywhere"


@pytest.mark.parametrize("description", ["x" * 127, "\u00e9" * 63, "\N{PRINTER}" * 31])
def test_a_name_fits_a_label_and_ends_with_a_whole_character(description: str) -> None:
    name = ServiceNames("s").of(queue(description=description))
    assert MAX_NAME_OCTETS - 3 <= len(name.encode()) <= MAX_NAME_OCTETS
    assert set(name) == {description[0]}


def test_a_forced_name_lasts_until_the_queue_is_called_otherwise() -> None:
    names = ServiceNames("print.example.org")
    names.rename(queue(), "secure @ print.example.org #2")
    assert names.of(queue()) == "secure @ print.example.org #2"
    assert names.of(queue("other")) == "other @ print.example.org"
    assert names.of(queue(description="Lobby")) == "Lobby"
