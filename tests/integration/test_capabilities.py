"""Queues over real printers: they can do what the printers say, while those are away too."""

from pathlib import Path

from protocols.ipp.encoder import encode
from protocols.ipp.message import Group
from protocols.ipp.operations import Operation
from protocols.ipp.status import Status
from protocols.ipp.tags import GroupTag
from protocols.ipp.values import Resolution, enum, keyword, mime
from tests.integration.conftest import MakeDaemon, MakePrinter
from tests.integration.daemon import Daemon
from tests.integration.ipp_asking import ask, message, tls_context
from tests.integration.recorder import wait_until
from tests.support import pdfs

SITE = """
[printers.lobby]
uri = "{lobby}"
[printers.attic]
uri = "{attic}"
[queues.open]
printers = ["lobby"]
authentication = "at-release"
[queues.both]
printers = ["lobby", "attic"]
authentication = "at-release"
[queues.stapled]
printers = ["lobby"]
authentication = "at-release"
[queues.stapled.capabilities]
finishings = ["none", "staple"]
sides = ["one-sided"]
"""


def described(daemon: Daemon, queue: str) -> Group:
    """What a queue says of itself."""
    asked = keyword("requested-attributes", "all", "media-col-database")
    request = encode(message(Operation.GET_PRINTER_ATTRIBUTES, queue, asked))
    answer = ask(daemon.ports["ipp"], request, queue=queue)
    assert answer.code == Status.SUCCESSFUL_OK
    return answer.group(GroupTag.PRINTER)


def test_a_queue_looks_like_its_printer_also_while_it_is_away(
    make_daemon: MakeDaemon, tmp_path: Path, make_printer: MakePrinter
) -> None:
    lobby, attic = make_printer("lobby"), make_printer("attic")
    daemon = make_daemon(SITE.format(lobby=lobby.uri(), attic=attic.uri()))
    # ippeveprinter -s 20,10; until it has answered, a queue takes 30 pages a minute for granted.
    wait_until(lambda: described(daemon, "open").integer("pages-per-minute") == 20, "the printer's answer")
    there = described(daemon, "open")
    assert there.integer("pages-per-minute-color") == 10
    assert "photographic-glossy" in there.strings("media-type-supported")
    assert "main" in there.strings("media-source-supported")
    assert there.strings("urf-supported")
    resolutions = there.get("pwg-raster-document-resolution-supported")
    assert resolutions is not None
    assert Resolution(300, 300) in [value.data for value in resolutions.values]
    database = there.get("media-col-database")
    assert database is not None
    assert len(database.values) > 10
    stapled = described(daemon, "stapled")
    assert stapled.get("finishings-supported") == enum("finishings-supported", 3, 4)
    assert stapled.strings("sides-supported") == ("one-sided",)

    lobby.kill()
    attic.kill()
    daemon.stop()
    daemon.start()
    away = described(daemon, "open")
    lasting = [one for one in there if not one.name.startswith(("printer-", "queued-"))]
    assert [away.get(one.name) for one in lasting] == lasting
    assert described(daemon, "both").integer("pages-per-minute") == 20


def test_the_owner_is_told_what_the_printer_cannot_do(
    make_daemon: MakeDaemon, tmp_path: Path, make_printer: MakePrinter
) -> None:
    lobby = make_printer("lobby")
    daemon = make_daemon(SITE.format(lobby=lobby.uri(), attic=f"folder:{tmp_path}"))
    daemon.add_user("alice")
    wait_until(lambda: described(daemon, "open").integer("pages-per-minute") == 20, "the printer's answer")
    template = Group(GroupTag.JOB, (enum("finishings", 4), keyword("media", "iso_a4_210x297mm")))
    request = message(
        Operation.PRINT_JOB, "stapled", mime("document-format", "application/pdf"), template=template
    )
    answer = ask(daemon.ports["ipp"], encode(request) + pdfs.pdf(1), queue="stapled", tls=tls_context(daemon))
    assert answer.code == Status.SUCCESSFUL_OK, Status(answer.code)
    (held,) = daemon.wait_for_job("held")
    daemon.release(held["id"], "alice")
    (done,) = daemon.wait_for_job("completed")
    assert "This printer cannot finish it as asked for" in done["reason"]
    (page,) = lobby.printed()
    assert "IPP_FINISHINGS" not in page.settings
    assert page.settings["IPP_MEDIA"] == "iso_a4_210x297mm"
