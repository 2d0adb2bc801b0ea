"""Value types of the configuration file: durations, sizes, addresses, names, paths and references."""

import ipaddress
import re
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal, NoReturn, assert_never
from zoneinfo import available_timezones

from pydantic import PlainSerializer, PlainValidator, StringConstraints, WithJsonSchema
from pydantic_core import PydanticCustomError

from policy.schedule import ScheduleError, time_zone
from policy.suggestion import closest

NAME_PATTERN = r"^[a-z0-9][a-z0-9._-]{0,62}$"
DURATION = re.compile(r"(?:(\d{1,6})d)?(?:(\d{1,6})h)?(?:(\d{1,6})m)?(?:(\d{1,6})s)?", re.ASCII)
SIZE = re.compile(r"(\d{1,12}) ?(B|KiB|MiB|GiB|TiB)", re.ASCII)
DECIMAL_UNIT = re.compile(r"(\d{1,12}) ?([kKmMgGtT])[bB]?", re.ASCII)
SIZE_FACTORS = {"B": 1, "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3, "TiB": 1024**4}
HOST_LABEL = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
CREDENTIAL_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,254}")
FINGERPRINT = re.compile(r"sha256:([0-9a-f]{64})")
# Longer terms are mistakes of unit; a year of held paper is not a hold but an archive.
MAX_DURATION = timedelta(days=366)
# RFC 1035 2.3.4.
MAX_HOST_NAME_CHARACTERS = 253
# RFC 8010 3.3: the port of ipp and ipps.
IPP_PORT = 631
MAX_PORT = 65_535


def refuse(message: str, suggestion: str | None = None, offset: int | None = None) -> NoReturn:
    """Raise the error that pydantic reports at the value's place, with what was probably meant."""
    raise PydanticCustomError(
        "spoold", "{reason}", {"reason": message, "suggestion": suggestion, "offset": offset}
    )


def _text(value: object, what: str) -> str:
    if not isinstance(value, str):
        refuse(f"must be a string: {what}")
    if "\0" in value:
        refuse("must not contain a NUL character")
    return value


@dataclass(frozen=True, slots=True)
class ListenAddress:
    """A numeric address and TCP port to listen on; port 0 lets the system choose."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class KeyReference:
    """Where the store key comes from: a systemd credential's name or a file's absolute path."""

    kind: Literal["credential", "file"]
    value: str

    def __str__(self) -> str:
        return f"{self.kind}:{self.value}"

    @property
    def file(self) -> Path | None:
        """The key file, or None for a credential."""
        return Path(self.value) if self.kind == "file" else None


@dataclass(frozen=True, slots=True)
class PrinterUri:
    """Where a printer is: an IPP(S) address, or a folder that receives released documents.

    `host` has no brackets; host, port and path are empty or 0 where the scheme has none.
    """

    scheme: Literal["ipp", "ipps", "folder"]
    host: str
    port: int
    path: str

    def __str__(self) -> str:
        match self.scheme:
            case "folder":
                return f"folder:{self.path}"
            case "ipp" | "ipps":
                host = f"[{self.host}]" if ":" in self.host else self.host
                port = "" if self.port == IPP_PORT else f":{self.port}"
                return f"{self.scheme}://{host}{port}{self.path}"
            case _ as never:
                assert_never(never)

    @property
    def folder(self) -> Path | None:
        """The folder of a `folder:` printer, else None."""
        return Path(self.path) if self.scheme == "folder" else None


def parse_listen_address(value: object) -> ListenAddress:
    """Parse "192.0.2.1:631", "[::]:631" or "127.0.0.1:0"; a name may mean several addresses."""
    if isinstance(value, ListenAddress):
        return value
    text = _text(value, 'an address and port such as "[::]:631"')
    host, colon, port_text = text.rpartition(":")
    if not colon or not re.fullmatch("[0-9]{1,5}", port_text):
        refuse('must be an address and port such as "[::]:631" or "192.0.2.1:631"')
    if host == "localhost":
        refuse("must be a numeric address", f"127.0.0.1:{port_text}")
    if host in {"", "*"}:
        refuse("must name an address", f"[::]:{port_text}")
    bracketed = host.startswith("[") and host.endswith("]")
    try:
        address = ipaddress.ip_address(host[1:-1] if bracketed else host)
    except ValueError:
        refuse('must be a numeric address and port such as "[::]:631" or "192.0.2.1:631"')
    if bracketed != (address.version == 6):
        meant = f"[{address}]:{port_text}" if address.version == 6 else f"{address}:{port_text}"
        refuse("IPv6 addresses stand in brackets, IPv4 addresses do not", meant)
    if int(port_text) > MAX_PORT:
        refuse(f"the port must be at most {MAX_PORT}")
    return ListenAddress(str(address), int(port_text))


def parse_network(value: object) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    """Parse a network in CIDR notation, or one address; bits beyond the prefix are an error."""
    if isinstance(value, ipaddress.IPv4Network | ipaddress.IPv6Network):
        return value
    text = _text(value, 'a network such as "10.20.0.0/16"')
    try:
        return ipaddress.ip_network(text)
    except ValueError:
        pass
    try:
        loose = ipaddress.ip_network(text, strict=False)
    except ValueError:
        refuse('must be a network such as "10.20.0.0/16" or "2001:db8::/32"')
    refuse("the address has bits beyond its prefix length", str(loose))


def parse_duration(value: object) -> timedelta:
    """Parse "4h", "90m", "2d", "45s" or a sum such as "1h30m"; from one second to 366 days."""
    if isinstance(value, timedelta):
        duration = value
    else:
        text = _text(value, 'a duration such as "4h", "90m" or "2d"')
        match = DURATION.fullmatch(text)
        if not match or not text:
            refuse('must be a duration such as "4h", "90m", "2d" or "1h30m"')
        days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
        duration = timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
    if not timedelta(seconds=1) <= duration <= MAX_DURATION:
        refuse(f"must be between 1s and {MAX_DURATION.days}d")
    return duration


def duration_text(duration: timedelta) -> str:
    """Return a duration as the file writes it; the inverse of `parse_duration`, to the second."""
    minutes, seconds = divmod(int(duration.total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = ((days, "d"), (hours, "h"), (minutes, "m"), (seconds, "s"))
    return "".join(f"{count}{unit}" for count, unit in parts if count) or "0s"


def parse_size(value: object) -> int:
    """Parse "64MiB" or "4GiB" into bytes."""
    if isinstance(value, int) and not isinstance(value, bool):
        refuse('must be a string with a unit, such as "64MiB"')
    text = _text(value, 'a size such as "64MiB"')
    match = SIZE.fullmatch(text)
    if not match:
        almost = DECIMAL_UNIT.fullmatch(text)
        meant = f"{almost[1]}{almost[2].upper()}iB" if almost else None
        refuse('must be a size such as "64MiB" or "4GiB"', meant)
    return int(match[1]) * SIZE_FACTORS[match[2]]


def parse_absolute_path(value: object) -> Path:
    """Parse an absolute path without "..": what it means must not depend on where the daemon was started."""
    text = _text(value, "an absolute path") if not isinstance(value, Path) else str(value)
    path = Path(text)
    if not path.is_absolute():
        refuse("must be an absolute path", f"/{text}" if text and not text.startswith((".", "~")) else None)
    if ".." in path.parts:
        refuse('must not contain ".."')
    return path


def parse_host_name(value: object) -> str:
    """Parse a host name (RFC 1123 2.1, lower-cased) or a numeric address without brackets."""
    text = _text(value, "a host name")
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        pass
    if "://" in text or "/" in text:
        refuse("must be a host name, not an address with scheme or path")
    labels = text.removesuffix(".").split(".")
    if len(text) > MAX_HOST_NAME_CHARACTERS or not all(HOST_LABEL.fullmatch(label) for label in labels):
        refuse('must be a host name such as "print.example.org"')
    return text.removesuffix(".").lower()


def parse_key_reference(value: object) -> KeyReference:
    """Parse "credential:NAME" or "file:/absolute/path"; no error repeats the value."""
    if isinstance(value, KeyReference):
        return value
    text = _text(value, '"credential:NAME" or "file:/path"')
    kind, colon, rest = text.partition(":")
    if kind == "file" and colon:
        return KeyReference("file", str(parse_absolute_path(rest)))
    if kind == "credential" and CREDENTIAL_NAME.fullmatch(rest):
        return KeyReference("credential", rest)
    refuse('must be "credential:NAME" or "file:/path"; the key itself never stands in this file')


def spelt(pattern: str, what: str) -> tuple[PlainValidator, WithJsonSchema]:
    """Return what makes a type of a string that has this form; `what` says which, with an example."""

    def parse(value: object) -> str:
        text = _text(value, what)
        if not re.fullmatch(pattern, text):
            refuse(f"must be {what}")
        return text

    return PlainValidator(parse), WithJsonSchema({"type": "string", "pattern": f"^{pattern}$"})


def parse_https_url(value: object) -> str:
    """Parse an address such as "https://sso.example.org/realms/school", without query and fragment."""
    text = _text(value, 'an address such as "https://sso.example.org"')
    scheme, colon, rest = text.partition(":")
    if scheme != "https" or not rest.startswith("//"):
        refuse('must start with "https://"', f"https:{rest}" if colon and scheme == "http" else None)
    authority, _, _ = rest[2:].partition("/")
    if "@" in authority:
        refuse("must not contain a user name or password")
    if re.search(r"[?#\s\\]|[^\x21-\x7e]", rest):
        refuse("must have neither query nor fragment nor blank")
    _host_and_port(authority)
    return text


def parse_printer_uri(value: object) -> PrinterUri:
    """Parse ipps://HOST[:PORT][/PATH], ipp://... or folder:/PATH."""
    if isinstance(value, PrinterUri):
        return value
    text = _text(value, 'an address such as "ipps://192.0.2.7/ipp/print"')
    scheme, colon, rest = text.partition(":")
    if scheme in {"socket", "lpd"}:
        refuse(f"{scheme}: printers are not supported yet; use ipps, ipp or folder")
    if scheme == "folder" and colon:
        return PrinterUri("folder", "", 0, str(parse_absolute_path(rest)))
    if scheme not in {"ipp", "ipps"} or not rest.startswith("//"):
        refuse('must start with "ipps://", "ipp://" or "folder:/"')
    authority, slash, path = rest[2:].partition("/")
    if "@" in authority:
        refuse("must not contain a user name or password")
    if re.search(r"[?#\s\\]|[^\x21-\x7e]", rest):
        refuse("must have neither query nor fragment nor blank")
    host, port = _host_and_port(authority)
    return PrinterUri("ipps" if scheme == "ipps" else "ipp", host, port, slash + path or "/ipp/print")


def _host_and_port(authority: str) -> tuple[str, int]:
    match = re.fullmatch(r"(\[[^\]]*\]|[^:]*)(?::(\d{1,5}))?", authority, re.ASCII)
    if not match or not match[1]:
        refuse('must name a host, as in "ipps://192.0.2.7/ipp/print"')
    host = parse_host_name(match[1].removeprefix("[").removesuffix("]"))
    port = int(match[2]) if match[2] else IPP_PORT
    if not 1 <= port <= MAX_PORT:
        refuse(f"the port must be between 1 and {MAX_PORT}")
    return host, port


def parse_pin(value: object) -> str:
    """Parse "sha256:" and 64 hex digits: the hash of the public key, not of the certificate around it."""
    text = _text(value, '"sha256:" and 64 hex digits')
    if not FINGERPRINT.fullmatch(text.lower()):
        refuse('must be "sha256:" and the 64 hex digits of the SHA-256 of the printer\'s public key')
    return text.lower()


def parse_certificate(value: object) -> Literal["auto"] | Path:
    """Parse "auto" or the absolute path of a PEM file."""
    if value == "auto":
        return "auto"
    if isinstance(value, str) and not value.startswith("/"):
        refuse('must be "auto" or the absolute path of a PEM file', closest(value, ["auto"]))
    return parse_absolute_path(value)


def parse_time_zone(value: object) -> str:
    """Parse "local" or an IANA time zone that this machine knows."""
    text = _text(value, 'a time zone such as "Europe/Paris"')
    if text != "local":
        try:
            time_zone(text)
        except ScheduleError as error:
            refuse(str(error), closest(text, ["local", *available_timezones()]))
    return text


def parse_reason(value: object) -> str:
    """Parse a "printer-state-reasons" keyword without its severity suffix (RFC 8011 5.4.12)."""
    text = _text(value, 'a reason such as "toner-low"')
    if not re.fullmatch(r"[a-z0-9][a-z0-9._-]{0,254}", text):
        refuse('must be a keyword such as "toner-low"')
    for suffix in ("-error", "-warning", "-report"):
        if text.endswith(suffix):
            refuse("is written without its severity", text.removesuffix(suffix))
    return text


def parse_mime_type(value: object) -> str:
    """Parse a MIME type without parameters, lower-cased."""
    text = _text(value, 'a MIME type such as "application/pdf"').lower()
    if not re.fullmatch(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,126}/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}", text):
        refuse('must be a MIME type such as "application/pdf"')
    return text


def _string_schema(pattern: str | None, example: str) -> WithJsonSchema:
    schema: dict[str, object] = {"type": "string", "examples": [example]}
    return WithJsonSchema(schema | {"pattern": pattern} if pattern else schema)


Name = Annotated[str, StringConstraints(pattern=NAME_PATTERN)]
Message = Annotated[str, StringConstraints(min_length=1, max_length=500, pattern=r"^[^\x00-\x1f\x7f]*$")]
Address = Annotated[
    ListenAddress,
    PlainValidator(parse_listen_address),
    PlainSerializer(str),
    _string_schema(r":\d+$", "[::]:631"),
]
Network = Annotated[
    ipaddress.IPv4Network | ipaddress.IPv6Network,
    PlainValidator(parse_network),
    PlainSerializer(str),
    _string_schema(None, "10.20.0.0/16"),
]
Duration = Annotated[
    timedelta,
    PlainValidator(parse_duration),
    PlainSerializer(duration_text),
    _string_schema(r"^(\d+d)?(\d+h)?(\d+m)?(\d+s)?$", "4h"),
]
Size = Annotated[
    int,
    PlainValidator(parse_size),
    PlainSerializer(lambda size: f"{size}B"),
    _string_schema(r"^\d+ ?([KMGT]i)?B$", "4GiB"),
]
AbsolutePath = Annotated[
    Path, PlainValidator(parse_absolute_path), PlainSerializer(str), _string_schema("^/", "/var/lib/spoold")
]
HostName = Annotated[str, PlainValidator(parse_host_name), _string_schema(None, "print.example.org")]
StoreKey = Annotated[
    KeyReference,
    PlainValidator(parse_key_reference),
    PlainSerializer(str),
    _string_schema("^(credential:.+|file:/.+)$", "credential:store-key"),
]
SecretFile = Annotated[
    KeyReference,
    PlainValidator(parse_key_reference),
    PlainSerializer(str),
    _string_schema("^(credential:.+|file:/.+)$", "file:/etc/spoold/secret"),
]
HttpsUrl = Annotated[
    str, PlainValidator(parse_https_url), _string_schema("^https://", "https://sso.example.org")
]
Uri = Annotated[
    PrinterUri,
    PlainValidator(parse_printer_uri),
    PlainSerializer(str),
    _string_schema("^(ipps?://|folder:/)", "ipps://192.0.2.7/ipp/print"),
]
Certificate = Annotated[
    Literal["auto"] | Path,
    PlainValidator(parse_certificate),
    PlainSerializer(str),
    _string_schema("^(auto|/.*)$", "auto"),
]
TimeZone = Annotated[str, PlainValidator(parse_time_zone), _string_schema(None, "Europe/Paris")]
Pin = Annotated[str, PlainValidator(parse_pin), _string_schema("^sha256:", "sha256:" + "0" * 64)]
Reason = Annotated[str, PlainValidator(parse_reason), _string_schema(None, "toner-low")]
MimeType = Annotated[str, PlainValidator(parse_mime_type), _string_schema(".+/.+", "application/pdf")]
