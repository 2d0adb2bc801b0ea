"""The print engine of the virtual printer: ippeveprinter runs it for each job, and it decides what comes out.

Usage: virtual_engine.py CONTROL_FOLDER DOCUMENT. Files in the folder steer it: `jam` (paper is jammed before
any comes out, until the file is gone), `slow` (seconds before paper comes out), `fail` (give up with this
message). Paper is a file in `paper/`, with the attributes of its job beside it.
"""

import json
import os
import sys
import time
import urllib.request
from pathlib import Path

from protocols.ipp.decoder import decode
from protocols.ipp.encoder import encode
from protocols.ipp.message import Group, Message
from protocols.ipp.operations import Operation
from protocols.ipp.tags import GroupTag
from protocols.ipp.values import charset, integer, keyword, natural_language, uri
from protocols.limits import IppLimits

LOOK_S = 0.05
# Jobs of this name are somebody at the panel: they change what the printer reports and leave no paper.
PANEL = "panel:"


def say(message: str) -> None:
    """Tell ippeveprinter something."""
    print(message, file=sys.stderr, flush=True)


def is_canceled() -> bool:
    """Ask the printer whether this job was canceled; a real engine hears so at once."""
    port, number = os.environ["VIRTUAL_PRINTER_PORT"], int(os.environ["IPP_JOB_ID"])
    attributes = (
        charset("attributes-charset", "utf-8"),
        natural_language("attributes-natural-language", "en"),
        uri("printer-uri", f"ipp://localhost:{port}/ipp/print"),
        integer("job-id", number),
        keyword("requested-attributes", "job-state", "job-state-reasons"),
    )
    group = Group(GroupTag.OPERATION, attributes)
    request = Message((2, 0), Operation.GET_JOB_ATTRIBUTES, 1, (group,))
    with urllib.request.urlopen(
        urllib.request.Request(
            f"http://localhost:{port}/ipp/print",
            data=encode(request),
            headers={"Content-Type": "application/ipp"},
        ),
        timeout=10,
    ) as response:
        answer, _ = decode(response.read(), IppLimits(), lenient=True)
    job = answer.group(GroupTag.JOB)
    reasons = job.get("job-state-reasons")
    return job.integer("job-state") == 7 or (
        reasons is not None and "processing-to-stop-point" in reasons.strings()
    )


def wait_while(control: Path, name: str) -> bool:
    """Wait until a steering file is gone; False when the job was canceled meanwhile."""
    while (control / name).exists():
        if is_canceled():
            return False
        time.sleep(LOOK_S)
    return not is_canceled()


def engine(control: Path, document: Path) -> int:
    """Print one job; returns the exit status."""
    name = os.environ.get("IPP_JOB_NAME", "").strip("'\"")
    if name.startswith(PANEL):
        say(f"STATE: {name.removeprefix(PANEL)}")
        return 0
    if (control / "fail").exists():
        say("ERROR: " + (control / "fail").read_text())
        return 1
    if (control / "slow").exists():
        ends = time.monotonic() + float((control / "slow").read_text())
        while time.monotonic() < ends:
            if is_canceled():
                return 0
            time.sleep(LOOK_S)
    if (control / "jam").exists():
        say("STATE: +media-jam")
        if not wait_while(control, "jam"):
            say("STATE: -media-jam")
            return 0
        say("STATE: -media-jam")
    put_out(control / "paper", document)
    say("ATTR: job-impressions-completed=1")
    return 0


def put_out(paper: Path, document: Path) -> None:
    """Let paper come out."""
    number = len(list(paper.glob("*.json"))) + 1
    attributes = {key: value for key, value in os.environ.items() if key.startswith(("IPP_", "CONTENT_"))}
    (paper / f"{number:03}.out").write_bytes(document.read_bytes())
    (paper / f"{number:03}.json").write_text(json.dumps(attributes))


if __name__ == "__main__":
    sys.exit(engine(Path(sys.argv[1]), Path(sys.argv[2])))
