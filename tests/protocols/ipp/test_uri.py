"""URIs of printers and jobs, good and bad."""

import pytest

from protocols.ipp.uri import IppUri, parse_uri


@pytest.mark.parametrize(
    ("uri", "expected", "url"),
    [
        (
            "ipp://printer/ipp/print",
            IppUri("ipp", "printer", 631, "/ipp/print"),
            "http://printer:631/ipp/print",
        ),
        (
            "ipps://printer.example:8631",
            IppUri("ipps", "printer.example", 8631, "/"),
            "https://printer.example:8631/",
        ),
        ("IPP://Printer/A", IppUri("ipp", "printer", 631, "/A"), "http://printer:631/A"),
        ("ipp://[2001:db8::1]/p", IppUri("ipp", "2001:db8::1", 631, "/p"), "http://[2001:db8::1]:631/p"),
        ("http://10.0.0.1:631/p/1", IppUri("http", "10.0.0.1", 631, "/p/1"), "http://10.0.0.1:631/p/1"),
        ("https://printer/", IppUri("https", "printer", 443, "/"), "https://printer:443/"),
    ],
)
def test_good(uri: str, expected: IppUri, url: str) -> None:
    assert parse_uri(uri) == expected
    assert parse_uri(uri).http_url == url
    assert parse_uri(uri).secure == url.startswith("https")


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "printer",
        "/ipp/print",
        "ftp://printer/",
        "ipp:///ipp/print",
        "ipp://:631/",
        "ipp://user@printer/",
        "ipp://user:secret@printer/",
        "ipp://printer/?q=1",
        "ipp://printer/#f",
        "ipp://printer:0/",
        "ipp://printer:65536/",
        "ipp://printer:x/",
        "ipp://[::1/",
        "ipp://a..b/",
        "ipp://" + "a" * 64 + "/",
        "ipp://drücker/",
        "ipp://printer/a b",
        "ipp://printer/\r\nHost: x",
        "ipp://printer/" + "a" * 1024,
    ],
)
def test_bad(uri: str) -> None:
    with pytest.raises(ValueError, match="URI"):
        parse_uri(uri)
