"""Documents in job commands, over any protocol: rules see what they ask for, printers never see them."""

import pytest

from policy.rules import RuleSource
from protocols.appsocket.pjl import UEL
from protocols.ipp.message import Attribute
from protocols.ipp.values import collection, integer, keyword
from spoold.database import jobs
from spoold.documents.unwrap import Ticket
from spoold.model.errors import RefusedByPolicy, UnsupportedDocument
from spoold.model.template import template_of
from tests.support.intake_house import IntakeHouse, incoming
from tests.support.pdfs import pdf

PDF = pdf(1)
WRAPPED = UEL + b"@PJL SET COPIES=40\r\n@PJL SET RENDERMODE=COLOR\r\n@PJL ENTER LANGUAGE=PDF\r\n" + PDF + UEL
# What PRET (a toolkit for attacks on printers) sends, one command each.
ATTACKS = (
    'FSDIRLIST NAME="0:/" ENTRY=1 COUNT=65535',
    'FSQUERY NAME="0:/x"',
    'FSMKDIR NAME="0:/x"',
    'FSDELETE NAME="0:/x"',
    'FSUPLOAD NAME="0:/../../etc/passwd" OFFSET=0 SIZE=99',
    'FSDOWNLOAD FORMAT:BINARY SIZE=1 NAME="0:/x"',
    'FSAPPEND FORMAT:BINARY SIZE=1 NAME="0:/x"',
    'FSINIT VOLUME="0:"',
    "RNVRAM ADDRESS=0",
    "WNVRAM ADDRESS=0 DATA=0",
)
HARMLESS_HERE = (
    "INFO ID",
    "INFO VARIABLES",
    "INFO FILESYS",
    "DINQUIRE CPLOCK",
    "INQUIRE RESOLUTION",
    'RDYMSG DISPLAY="x"',
    'OPMSG DISPLAY="x"',
    'STMSG DISPLAY="x"',
    "DEFAULT CPLOCK=ON",
    "DEFAULT PASSWORD=1",
    "DEFAULT DISKLOCK=ON",
    "JOB PASSWORD=0",
    "INITIALIZE",
    "RESET",
    "SET SERVICEMODE=HPBOISEID",
    "SET RETAIN=ON",
    "DEFAULT HOLD=ON",
    "SET HOLD=ON",
    'DMINFO ASCIIHEX="040006020501010301040104"',
    'CSET PAGES="0"',
    "ECHO x",
    "USTATUS JOB=ON",
)


async def test_what_commands_ask_for_is_the_job_s_and_what_is_kept_is_the_document() -> None:
    house = IntakeHouse()
    job = await house.intake.submit(house.submission(), incoming(WRAPPED))
    assert (job.formats, job.size_bytes) == (("application/pdf",), len(PDF))
    asked = {attribute.name: attribute.first for attribute in template_of(job)}
    assert (asked["copies"], asked["print-color-mode"]) == (40, "color")


async def test_rules_see_and_change_it() -> None:
    rules = [
        RuleSource(
            "no colour", 'job.color_mode == "color"', set_attributes={"print-color-mode": "monochrome"}
        ),
        RuleSource("not so many", "job.copies > 50", deny="Too many copies."),
    ]
    house = IntakeHouse(rules=rules)
    job = await house.intake.submit(house.submission(), incoming(WRAPPED))
    assert {one.name: one.first for one in template_of(job)}["print-color-mode"] == "monochrome"
    with pytest.raises(RefusedByPolicy, match="Too many copies"):
        await house.intake.submit(house.submission(), incoming(WRAPPED.replace(b"=40", b"=99")))


@pytest.mark.parametrize("command", ATTACKS)
async def test_an_attack_is_refused(command: str) -> None:
    house = IntakeHouse()
    stream = UEL + f"@PJL {command}\r\n".encode() + b"@PJL ENTER LANGUAGE=PDF\r\n" + PDF
    with pytest.raises(UnsupportedDocument, match="cannot be printed safely"):
        await house.intake.submit(house.submission(), incoming(stream))
    assert house.blobs.contents == {}


async def test_everything_else_is_left_out() -> None:
    house = IntakeHouse()
    commands = "".join(f"@PJL {command}\r\n" for command in HARMLESS_HERE).encode()
    job = await house.intake.submit(
        house.submission(), incoming(UEL + commands + b"@PJL ENTER LANGUAGE=PDF\r\n" + PDF + UEL)
    )
    assert job.size_bytes == len(PDF)
    (document,) = await house.database.read(lambda connection: jobs.documents_of(connection, job.id))
    assert document.format == "application/pdf"


@pytest.mark.parametrize(
    ("client", "ticket", "together"),
    [
        ((), (integer("copies", 2),), ("copies",)),
        ((integer("copies", 1),), (integer("copies", 2),), ("copies",)),
        ((collection("media-col", ()),), (keyword("media", "iso_a4_210x297mm"),), ("media-col",)),
        ((keyword("sides", "one-sided"),), (integer("copies", 2),), ("sides", "copies")),
    ],
)
def test_the_client_s_own_word_counts_more(
    client: tuple[Attribute, ...], ticket: tuple[Attribute, ...], together: tuple[str, ...]
) -> None:
    submission = IntakeHouse().submission(template=client).asking(Ticket(ticket))
    assert tuple(attribute.name for attribute in submission.template) == together
    assert submission.template[: len(client)] == client
