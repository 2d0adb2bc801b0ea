"""Asks a directory from where it can be reached: lines of JSON with questions come in, answers go out."""

import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import structlog
import trio

from protocols import tls
from spoold.identity.ldap import LdapServer
from spoold.identity.ldap_check import try_directory
from spoold.identity.provider import Accepted, Finding, Rejected
from spoold.identity.secret import Secret
from spoold.model.errors import Unavailable
from spoold.model.ids import UserId
from tests.support.directories import make_directory
from tests.support.identities import open_database


async def answers(asked: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the answer to every question, and how long each took in seconds."""
    server = LdapServer(asked["host"], asked["port"], asked["implicit_tls"])
    ca = Path(asked["ca"])
    settings: dict[str, Any] = {
        key: frozenset(value) if isinstance(value, list) else value
        for key, value in asked["settings"].items()
    }
    found = []
    with tempfile.TemporaryDirectory() as folder, open_database(Path(folder, "spoold.db")) as database:
        provider = make_directory(database, ca, [server], **settings)
        for kind, *words in asked["questions"]:
            began = time.monotonic()
            answer: dict[str, Any]
            try:
                if kind == "check":
                    answer = _said(await provider.check(words[0], Secret(words[1])))
                elif kind == "find":
                    answer = _said(await provider.find(words[0]))
                elif kind == "again":
                    answer = _said(await provider.again(UserId(words[0])))
                else:
                    context = tls.verified_context(ca)
                    tried = try_directory(provider._settings, [server], context)
                    answer = {"tried": [[one.fine, one.words] for one in tried]}
            except Unavailable as error:
                answer = {"said": "unavailable", "words": error.public}
            found.append(answer | {"took_s": time.monotonic() - began})
    return found


def _said(finding: Finding) -> dict[str, Any]:
    if isinstance(finding, Accepted):
        account = finding.account
        return {
            "said": "accepted",
            "id": account.id,
            "name": account.name,
            "display_name": account.display_name,
            "groups": sorted(account.groups),
            "role": account.role.value,
        }
    if isinstance(finding, Rejected):
        return {"said": "rejected", "id": finding.account_id, "why": finding.why}
    return {"said": "not-here"}


if __name__ == "__main__":
    # What the provider logs goes elsewhere: every line out answers a line in.
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    for line in sys.stdin:
        sys.stdout.write(json.dumps(trio.run(answers, json.loads(line))) + "\n")
        sys.stdout.flush()
