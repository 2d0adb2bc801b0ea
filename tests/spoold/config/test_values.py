"""Value types take what people write, normalise it, and say what was probably meant."""

from collections.abc import Callable
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic_core import PydanticCustomError

from spoold.config.values import (
    MAX_DURATION,
    KeyReference,
    ListenAddress,
    PrinterUri,
    duration_text,
    parse_absolute_path,
    parse_certificate,
    parse_duration,
    parse_host_name,
    parse_key_reference,
    parse_listen_address,
    parse_mime_type,
    parse_network,
    parse_pin,
    parse_printer_uri,
    parse_reason,
    parse_size,
    parse_time_zone,
)

Parser = Callable[[object], Any]
HEX = "0123456789abcdef" * 4


@pytest.mark.parametrize(
    ("parse", "text", "value"),
    [
        (parse_listen_address, "[::]:631", ListenAddress("::", 631)),
        (parse_listen_address, "192.0.2.1:0", ListenAddress("192.0.2.1", 0)),
        (parse_listen_address, "[2001:DB8:0::1]:65535", ListenAddress("2001:db8::1", 65535)),
        (parse_network, "10.20.0.0/16", ip_network("10.20.0.0/16")),
        (parse_network, "2001:db8::1", ip_network("2001:db8::1/128")),
        (parse_duration, "4h", timedelta(hours=4)),
        (parse_duration, "1d2h3m4s", timedelta(days=1, hours=2, minutes=3, seconds=4)),
        (parse_duration, "1s", timedelta(seconds=1)),
        (parse_duration, "366d", MAX_DURATION),
        (parse_size, "64MiB", 64 * 1024**2),
        (parse_size, "4 GiB", 4 * 1024**3),
        (parse_size, "0B", 0),
        (parse_absolute_path, "/var/lib/spoold/", Path("/var/lib/spoold")),
        (parse_host_name, "Print.Example.ORG.", "print.example.org"),
        (parse_host_name, "2001:DB8::1", "2001:db8::1"),
        (parse_host_name, "localhost", "localhost"),
        (parse_key_reference, "credential:store-key", KeyReference("credential", "store-key")),
        (parse_key_reference, "file:/etc/k", KeyReference("file", "/etc/k")),
        (parse_printer_uri, "ipps://printer/ipp/print", PrinterUri("ipps", "printer", 631, "/ipp/print")),
        (parse_printer_uri, "ipp://[2001:db8::1]:8631", PrinterUri("ipp", "2001:db8::1", 8631, "/ipp/print")),
        (parse_printer_uri, "ipp://h/", PrinterUri("ipp", "h", 631, "/")),
        (parse_printer_uri, "folder:/srv/out", PrinterUri("folder", "", 0, "/srv/out")),
        (parse_pin, f"sha256:{HEX.upper()}", f"sha256:{HEX}"),
        (parse_reason, "toner-low", "toner-low"),
        (parse_mime_type, "Application/PDF", "application/pdf"),
        (parse_certificate, "auto", "auto"),
        (parse_certificate, "/etc/c.pem", Path("/etc/c.pem")),
        (parse_time_zone, "local", "local"),
        (parse_time_zone, "Europe/Paris", "Europe/Paris"),
    ],
)
def test_good_values(parse: Parser, text: str, value: object) -> None:
    assert parse(text) == value


@pytest.mark.parametrize(
    ("parse", "text", "message", "suggestion"),
    [
        (parse_listen_address, "localhost:631", "numeric", "127.0.0.1:631"),
        (parse_listen_address, "*:631", "must name an address", "[::]:631"),
        (parse_listen_address, ":631", "must name an address", "[::]:631"),
        (parse_listen_address, "::1:631", "brackets", "[::1]:631"),
        (parse_listen_address, "[192.0.2.1]:631", "brackets", "192.0.2.1:631"),
        (parse_listen_address, "192.0.2.1", "address and port", None),
        (parse_listen_address, "192.0.2.1:65536", "at most 65535", None),
        (parse_listen_address, "host:631", "numeric", None),
        (parse_listen_address, 631, "must be a string", None),
        (parse_network, "10.20.0.1/16", "beyond its prefix", "10.20.0.0/16"),
        (parse_network, "10.20.0.0/33", "must be a network", None),
        (parse_network, "office", "must be a network", None),
        (parse_duration, "4 hours", "must be a duration", None),
        (parse_duration, "", "must be a duration", None),
        (parse_duration, "0s", "between 1s", None),
        (parse_duration, "367d", "between 1s", None),
        (parse_duration, 4, "must be a string", None),
        (parse_size, "64MB", "must be a size", "64MiB"),
        (parse_size, "4g", "must be a size", "4GiB"),
        (parse_size, "many", "must be a size", None),
        (parse_size, 4096, "unit", None),
        (parse_absolute_path, "var/lib", "absolute", "/var/lib"),
        (parse_absolute_path, "~/spool", "absolute", None),
        (parse_absolute_path, "/var/../etc", '".."', None),
        (parse_absolute_path, "/a\0b", "NUL", None),
        (parse_host_name, "https://print", "not an address with scheme", None),
        (parse_host_name, "a b", "must be a host name", None),
        (parse_host_name, "-a", "must be a host name", None),
        (parse_host_name, "", "must be a host name", None),
        (parse_host_name, "a." * 127, "must be a host name", None),
        (parse_key_reference, "credential:../x", "must be", None),
        (parse_key_reference, "file:etc/k", "absolute", "/etc/k"),
        (parse_printer_uri, "socket://h", "not supported yet", None),
        (parse_printer_uri, "lpd://h", "not supported yet", None),
        (parse_printer_uri, "http://h", "must start with", None),
        (parse_printer_uri, "ipp:h", "must start with", None),
        (parse_printer_uri, "ipp://", "must name a host", None),
        (parse_printer_uri, "ipp://h:0", "between 1 and", None),
        (parse_printer_uri, "ipp://h:99999", "between 1 and", None),
        (parse_printer_uri, "ipp://h:x", "must name a host", None),
        (parse_printer_uri, "ipp://h/a?b", "neither query", None),
        (parse_printer_uri, "ipp://h/a b", "neither query", None),
        (parse_printer_uri, "folder:out", "absolute", "/out"),
        (parse_pin, "sha256:12", "64 hex digits", None),
        (parse_pin, "md5:" + "0" * 64, "64 hex digits", None),
        (parse_reason, "toner-low-warning", "without its severity", "toner-low"),
        (parse_reason, "Toner low", "must be a keyword", None),
        (parse_mime_type, "pdf", "MIME type", None),
        (parse_certificate, "Auto", 'must be "auto"', "auto"),
        (parse_certificate, "cert.pem", 'must be "auto"', None),
        (parse_time_zone, "Europe/Pariss", "no time zone", "Europe/Paris"),
    ],
)
def test_mistakes_say_what_was_meant(
    parse: Parser, text: object, message: str, suggestion: str | None
) -> None:
    with pytest.raises(PydanticCustomError) as caught:
        parse(text)
    assert message in str(caught.value)
    assert (caught.value.context or {})["suggestion"] == suggestion


SECRET = "hunter2hunter2"


@pytest.mark.parametrize(
    ("parse", "text"),
    [
        (parse_key_reference, SECRET),
        (parse_key_reference, f"raw:{SECRET}"),
        (parse_key_reference, f"credential:{SECRET}/"),
        (parse_printer_uri, f"ipps://admin:{SECRET}@printer/ipp/print"),
    ],
)
def test_no_error_repeats_what_may_be_a_secret(parse: Parser, text: str) -> None:
    with pytest.raises(PydanticCustomError) as caught:
        parse(text)
    assert SECRET not in str(caught.value)
    assert SECRET not in repr(caught.value.context)


@settings(deadline=None)
@given(st.integers(1, int(MAX_DURATION.total_seconds())))
def test_durations_survive_being_written(seconds: int) -> None:
    duration = timedelta(seconds=seconds)
    assert parse_duration(duration_text(duration)) == duration


@settings(deadline=None)
@given(st.ip_addresses(), st.integers(0, 65535))
def test_listen_addresses_survive_being_written(address: object, port: int) -> None:
    listen = ListenAddress(str(address), port)
    assert parse_listen_address(str(listen)) == listen


@pytest.mark.parametrize(
    "text", ["ipps://printer/ipp/print", "ipp://[2001:db8::1]:8631/a/b", "ipp://h/", "folder:/srv/out"]
)
def test_printer_uris_survive_being_written(text: str) -> None:
    uri = parse_printer_uri(text)
    assert str(uri) == text
    assert parse_printer_uri(str(uri)) == uri


def test_folders_and_key_files_are_paths() -> None:
    assert parse_printer_uri("folder:/srv/out").folder == Path("/srv/out")
    assert parse_printer_uri("ipp://h/").folder is None
    assert parse_key_reference("file:/etc/k").file == Path("/etc/k")
    assert parse_key_reference("credential:k").file is None


ALL: list[Parser] = [
    parse_listen_address,
    parse_network,
    parse_duration,
    parse_size,
    parse_absolute_path,
    parse_host_name,
    parse_key_reference,
    parse_printer_uri,
    parse_pin,
    parse_reason,
    parse_mime_type,
    parse_certificate,
    parse_time_zone,
]


@pytest.mark.parametrize("parse", ALL)
@settings(deadline=None)
@given(value=st.text(max_size=30) | st.integers() | st.booleans() | st.none() | st.lists(st.text(max_size=3)))
def test_any_value_is_taken_or_refused_in_words(parse: Parser, value: object) -> None:
    try:
        parse(value)
    except PydanticCustomError as error:
        refusal = error
    else:
        return
    assert str(refusal)
