"""Clients on another machine find a queue by themselves and print to it: real Avahi, buses and cable."""

import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.integration.conftest import MakeDaemon
from tests.integration.daemon import CANARY_DOCUMENT, Daemon
from tests.integration.hosts import Found, Host, connect
from tests.integration.recorder import wait_until
from tests.support import pdfs
from tests.support.cups import Cups
from tests.support.parts import need_program, need_root

NAME = "open @ localhost"
PORT = 631
PATIENCE_S = 60.0
SITE = """
[printers.out]
uri = "folder:{out}"
location = "Lobby"
[queues.open]
printers = ["out"]
authentication = "at-release"
[queues.secure]
printers = ["out"]
description = "Sign in — print anywhere"
[queues.hidden]
printers = ["out"]
advertise = false
"""
KNOWN = {"spooler.local": "10.77.31.1", "desk.local": "10.77.31.2"}
PROGRAMS = (
    "avahi-daemon",
    "avahi-browse",
    "avahi-publish",
    "dbus-daemon",
    "ippfind",
    "driverless",
    "nsenter",
)

pytestmark = pytest.mark.root


class Network:
    """The spooler's machine and somebody's desk."""

    def __init__(self) -> None:
        self.spooler = Host("spooler", KNOWN["spooler.local"], KNOWN)
        self.desk = Host("desk", KNOWN["desk.local"], KNOWN)
        self.hosts = (self.spooler, self.desk)

    def start(self) -> None:
        for host in self.hosts:
            host.start()
        connect(self.spooler, self.desk)
        for host in self.hosts:
            host.start_bus()
            host.start_avahi()

    def stop(self) -> None:
        for host in self.hosts:
            host.stop()

    def seen(self, kind: str = "_ipp._tcp") -> dict[str, Found]:
        """What the desk finds."""
        return self.desk.browse(kind)

    def wait_seen(self, *names: str, kind: str = "_ipp._tcp") -> dict[str, Found]:
        """Wait until the desk finds these names and no others.

        A look ends when Avahi thinks that everybody has answered; a busy machine has not always by then.
        """
        looks: list[dict[str, Found]] = []

        def are_seen() -> bool:
            looks.append(self.seen(kind))
            return set(looks[-1]) == set(names)

        wait_until(are_seen, f"finding {names} as {kind}")
        return looks[-1]

    def wait_for(self, name: str, kind: str = "_ipp._tcp", **txt: str) -> Found:
        """Wait until the desk finds a name, with these words in its record."""
        looks: list[Found] = []

        def is_seen() -> bool:
            looks[:] = [one for found, one in self.seen(kind).items() if found == name]
            return bool(looks) and txt.items() <= looks[0].txt.items()

        wait_until(is_seen, f"finding {name} as {kind} with {txt}")
        return looks[0]

    def uris(self, *finder: str, having: str) -> list[str]:
        """Wait until a program on the desk finds a URI with these words in it; returns all that it finds."""
        looks: list[list[str]] = []

        def is_found() -> bool:
            looks.append(self.desk.said(*finder).split())
            return any(having in uri for uri in looks[-1])

        wait_until(is_found, f"finding {having} by {finder}")
        return looks[-1]


@pytest.fixture(scope="module")
def network() -> Iterator[Network]:
    need_root("network namespaces")
    for program in PROGRAMS:
        need_program(program)
    one = Network()
    try:
        one.start()
        yield one
    finally:
        one.stop()


@pytest.fixture
def daemon(make_daemon: MakeDaemon, network: Network, tmp_path: Path) -> Daemon:
    site = SITE.format(out=tmp_path / "out")
    (tmp_path / "out").mkdir()
    one = make_daemon(site, listen={"ipp": f"[::]:{PORT}"}, wrapper=network.spooler.inside)
    one.add_user("alice")
    return one


@pytest.fixture
def found(network: Network, daemon: Daemon) -> dict[str, Found]:
    """The queues as the desk finds them."""
    return network.wait_seen(NAME, "Sign in — print anywhere")


@contextmanager
def published(host: Host, *arguments: str) -> Iterator[None]:
    """Let somebody else on a host have a name, from before until after."""
    log = host.root / "publish.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*host.inside, "avahi-publish", "-s", *arguments], stdout=output, stderr=output
        )
    try:
        wait_until(lambda: b"Established" in log.read_bytes(), "publishing")
        yield
    finally:
        process.terminate()
        process.wait()


def told(network: Network, queue: str = "open", scheme: str = "ipp") -> dict[str, str]:
    """What the queue says of itself to the desk."""
    asked = network.desk.run(
        "ipptool", "-tv", f"{scheme}://spooler.local:{PORT}/ipp/print/{queue}", "get-printer-attributes.test"
    )
    _, _, answer = asked.partition("status-code = ")
    return dict(re.findall(r"^ +([a-z0-9-]+) \([^)]*\) = (.*)$", answer, re.MULTILINE))


# -- found --


def test_what_the_network_says_is_what_the_queue_says(network: Network, found: dict[str, Found]) -> None:
    for scheme in ("ipp", "ipps"):
        seen, attributes = network.wait_seen(*found, kind=f"_{scheme}._tcp"), told(network, scheme=scheme)
        service = seen[NAME]
        assert (service.host, service.port) == ("spooler.local", PORT)
        assert service.txt["rp"] == "ipp/print/open"
        assert service.txt["ty"] == attributes["printer-make-and-model"]
        assert service.txt["note"] == attributes["printer-location"]
        assert service.txt["adminurl"] == attributes["printer-more-info"]
        assert f"urn:uuid:{service.txt['UUID']}" == attributes["printer-uuid"]
        assert service.txt["URF"] == attributes["urf-supported"]
        formats = set(attributes["document-format-supported"].split(","))
        assert set(service.txt["pdl"].split(",")) == formats - {"application/octet-stream"}
        assert (service.txt["Color"] == "T") is (attributes["color-supported"] == "true")
        assert (service.txt["Duplex"] == "T") is ("two-sided" in attributes["sides-supported"])
        assert attributes["printer-dns-sd-name"] == NAME
        assert "air" not in service.txt
        assert seen["Sign in — print anywhere"].txt["air"] == "username,password"


def test_the_tls_that_is_announced_is_there_on_the_ipp_port(
    network: Network, daemon: Daemon, found: dict[str, Found]
) -> None:
    """RFC 2817: ipptool asks on the open line to go on in TLS, as whoever reads TLS= in the record may."""
    assert found[NAME].txt["TLS"] == "1.3"
    uri = f"ipp://spooler.local:{PORT}/ipp/print/open"
    said = network.desk.run("ipptool", "-E", "-t", uri, "get-printer-attributes.test")
    assert "[PASS]" in said


def test_phones_and_desktops_find_it(network: Network, found: dict[str, Found]) -> None:
    for kind in ("_ipp._tcp", "_ipps._tcp"):
        for subtype in ("_universal", "_print"):
            network.wait_seen(*found, kind=f"{subtype}._sub.{kind}")
    # The name is defended where nothing listens.
    assert network.wait_for(NAME, "_printer._tcp").port == 0
    for kind in ("_ipp._tcp", "_ipp._tcp,_universal", "_ipps._tcp,_print"):
        scheme = kind.partition(".")[0].removeprefix("_")
        uris = network.uris("ippfind", "-T", "3", kind, "--literal-name", NAME, having="/ipp/print/")
        assert uris == [f"{scheme}://spooler.local:{PORT}/ipp/print/open"]
    assert network.uris("driverless", having="open%20%40%20localhost")


# PWG 5100.20 section 5, the self-certification's own questions, as they are put to ippfind.
UUID = "^[0-9a-fA-F]{8,8}-[0-9a-fA-F]{4,4}-[0-9a-fA-F]{4,4}-[0-9a-fA-F]{4,4}-[0-9a-fA-F]{12,12}$"
KEYS = ("--txt", "adminurl", "--txt", "pdl", "--txt", "rp", "--txt", "UUID", "--quiet")
VALUES = (
    *("--txt-adminurl", "^(http:|https:)//", "--txt-pdl", "image/pwg-raster", "--txt-pdl", "image/jpeg"),
    *("--txt-UUID", UUID, "-x", "ipptool", "-q", "{}", "values.test", ";"),
)
SAME_VALUES = """{
  OPERATION Get-Printer-Attributes
  GROUP operation-attributes-tag
  ATTR charset attributes-charset utf-8
  ATTR language attributes-natural-language en
  ATTR uri printer-uri $uri
  STATUS successful-ok
  EXPECT printer-more-info OF-TYPE uri COUNT 1 WITH-VALUE "$ENV[IPPFIND_TXT_ADMINURL]"
  EXPECT printer-uuid OF-TYPE uri COUNT 1 WITH-VALUE "urn:uuid:$ENV[IPPFIND_TXT_UUID]"
}
"""
CERTIFIED = {
    "B-1 browse": ("_ipp._tcp,_print.local.", "--quiet"),
    "B-2 keys": KEYS,
    "B-3 resolve": ("--ls",),
    "B-4 values": ("--txt-Color", "T", *VALUES),
    "B-5 TLS": ("--txt", "tls", "--quiet"),
    "B-5.1 upgrade": ("-x", "ipptool", "-E", "-q", "{}", "get-printer-attributes.test", ";"),
    "B-5.2 ipps browse": ("_ipps._tcp,_print.local.", "--quiet"),
    "B-5.3 ipps keys": ("_ipps._tcp.local.", "--txt", "TLS", *KEYS),
    "B-5.4 ipps resolve": ("_ipps._tcp.local.", "--ls"),
    "B-5.5 ipps values": ("_ipps._tcp.local.", *VALUES),
}


def unanswered(network: Network, *question: str) -> str | None:
    """Return what ippfind says to a question that is answered with no, None for yes.

    By itself it stops as soon as it thinks that everybody has answered, which a busy machine has not always
    by then; a no counts when it has waited for its whole time.
    """
    if network.desk.failure("ippfind", "--literal-name", NAME, *question) is None:
        return None
    deadline = time.monotonic() + PATIENCE_S
    while (said := network.desk.failure("ippfind", "-T", "5", "--literal-name", NAME, *question)) is not None:
        if time.monotonic() > deadline:
            break
    return said


def test_the_self_certification_s_questions_are_answered(network: Network, found: dict[str, Found]) -> None:
    (network.desk.root / "values.test").write_text(SAME_VALUES)
    failed = {
        name: said
        for name, question in CERTIFIED.items()
        if (said := unanswered(network, *question)) is not None
    }
    assert failed == {}
    # The questions can be answered with no, too.
    assert (
        network.desk.failure("ippfind", "--literal-name", NAME, "--txt", "none-such", "--quiet") is not None
    )


# -- used --


@pytest.mark.parametrize("finder", ["ippfind", "driverless"])
def test_a_queue_is_found_added_printed_to_and_released(
    network: Network, daemon: Daemon, found: dict[str, Found], tmp_path: Path, finder: str
) -> None:
    """By the address that ippfind resolved, and by the name that desktops keep and CUPS resolves again."""
    command = ("driverless",) if finder == "driverless" else ("ippfind", "-T", "3", "_ipp._tcp")
    (uri,) = [uri for uri in network.uris(*command, having="open") if "open" in uri]
    assert ("._ipps._tcp.local" in uri) is (finder == "driverless")
    cups = Cups(wrapper=network.desk.inside)
    cups.start()
    try:
        cups.add_queue("open", uri)
        document = tmp_path / "report.pdf"
        document.write_bytes(pdfs.pdf(2, text=CANARY_DOCUMENT.decode()))
        number = cups.lp("open", document, user="alice")
        cups.wait_for("completed", number)
    finally:
        cups.stop()
    (job,) = daemon.wait_for_job("held")
    assert (job["user"], job["claimed"]) == ("alice", False)
    assert daemon.release(job["id"], "alice")["state"] == "completed"
    (printed,) = [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
    assert printed.read_bytes().startswith(b"%PDF")


# -- kept --


def test_a_restarted_avahi_is_told_again(network: Network, found: dict[str, Found]) -> None:
    network.spooler.stop_avahi()
    network.wait_seen()
    network.spooler.start_avahi()
    network.wait_seen(*found)


def test_a_restarted_bus_is_connected_again(
    network: Network, daemon: Daemon, found: dict[str, Found]
) -> None:
    network.spooler.stop_bus()
    network.wait_seen()
    network.spooler.start_bus()
    network.spooler.start_avahi()
    network.wait_seen(*found)
    assert "the system bus" in daemon.log


@pytest.mark.parametrize("where", ["spooler", "desk"])
def test_a_taken_name_is_replaced(
    network: Network, make_daemon: MakeDaemon, tmp_path: Path, where: str
) -> None:
    host = network.spooler if where == "spooler" else network.desk
    with published(host, NAME, "_ipp._tcp", "9"):
        (tmp_path / "out").mkdir()
        make_daemon(
            SITE.format(out=tmp_path / "out"),
            listen={"ipp": f"[::]:{PORT}"},
            wrapper=network.spooler.inside,
        )
        seen = network.wait_seen(NAME, f"{NAME} #2", "Sign in — print anywhere")
        assert seen[f"{NAME} #2"].txt["rp"] == "ipp/print/open"
        assert told(network)["printer-dns-sd-name"] == f"{NAME} #2"


def test_a_reload_changes_what_is_announced(
    network: Network, daemon: Daemon, found: dict[str, Found]
) -> None:
    text = daemon.config_path.read_text()
    fewer = '[queues.open]\nformats = ["application/pdf", "image/urf"]\n'
    changed = text.replace("[queues.open]\n", fewer).replace("advertise = false", "")
    daemon.config_path.write_text(changed)
    assert daemon.process is not None
    daemon.process.send_signal(1)
    network.wait_seen(*found, "hidden @ localhost")
    network.wait_for(NAME, pdl="image/urf,application/pdf")


def test_a_stopped_daemon_says_goodbye(network: Network, daemon: Daemon, found: dict[str, Found]) -> None:
    assert daemon.stop() == 0
    # By its own word: what is forgotten without one is remembered for more than an hour (RFC 6762 10).
    network.wait_seen()
    assert "not-announced" not in daemon.log


def test_without_a_bus_the_daemon_serves_and_announces_later(
    network: Network, make_daemon: MakeDaemon, tmp_path: Path
) -> None:
    network.spooler.stop_bus()
    network.spooler.run("rm", "/run/dbus/system_bus_socket")
    (tmp_path / "out").mkdir()
    daemon = make_daemon(
        SITE.format(out=tmp_path / "out"), listen={"ipp": f"[::]:{PORT}"}, wrapper=network.spooler.inside
    )
    wait_until(lambda: "there is no system bus" in daemon.log, "the complaint")
    assert told(network)["printer-name"] == "open"
    network.spooler.start_bus()
    network.spooler.start_avahi()
    network.wait_seen(NAME, "Sign in — print anywhere")
