"""What a client is told when a job is refused, in each step of printing, and what CUPS makes of it.

Clients do not just show a refusal: by its code they keep the job and come again, ask for a password, cancel
it, stop their queue, or take it for printed. `CUPS` is what its 2.4 backend was seen to do with every code
(tests/integration/test_cups_answers.py sees it again); `ANSWERS` is chosen by it, and the door answers by
`ANSWERS`. A refusal of a document that is here already is a success whose job is aborted: of the codes of
Send-Document that CUPS does not retry or ask about, every one loses the job or stops the queue.
"""

import enum
from collections.abc import Mapping
from types import MappingProxyType

from protocols.ipp.operations import Operation
from protocols.ipp.status import Status
from spoold.model.errors import SpoolError


class Phase(enum.StrEnum):
    """A step of printing."""

    VALIDATE = "validate"
    CREATE = "create"
    PRINT = "print"
    SEND = "send"


PHASES: Mapping[int, Phase] = MappingProxyType(
    {
        Operation.VALIDATE_JOB: Phase.VALIDATE,
        Operation.CREATE_JOB: Phase.CREATE,
        Operation.PRINT_JOB: Phase.PRINT,
        Operation.SEND_DOCUMENT: Phase.SEND,
    }
)


class Effect(enum.StrEnum):
    """What the client does."""

    CONTINUES = "goes on to the next step"
    KEEPS = "keeps the job and comes again"
    ASKS = "holds the job until somebody signs in"
    HOLDS = "holds the job for a while"
    CANCELS = "cancels the job"
    LOSES = "takes the job for printed"
    STOPS = "stops its queue"


HTTP_UNAUTHORIZED = 401
# A client that is told "not now" at Send-Document begins anew at once, 300 times a second where it could.
SEND_AGAIN_AFTER_S = 1.0


def _effects(**codes: str) -> Mapping[int, Effect]:
    found = {int(code, 16): Effect[name] for name, listed in codes.items() for code in listed.split()}
    return MappingProxyType(found)


# CUPS 2.4.2; a challenge of HTTP (401) does in each step what 0401 does.
CUPS: Mapping[Phase, Mapping[int, Effect]] = MappingProxyType(
    {
        Phase.VALIDATE: _effects(
            CONTINUES="0400 0501",
            KEEPS="0402 0404 0406 040D 040F 0410 0411 0502 0503 0504 0505 0506 0507 0509 050B",
            ASKS="0401 0403",
            HOLDS="0408 0409",
            CANCELS="040A 040B",
            LOSES="0508",
            STOPS="0500",
        ),
        Phase.CREATE: _effects(
            KEEPS="0400 0402 0404 040D 040F 0410 0411 0501 0502 0503 0504 0505 0506 0507 0509 050B",
            ASKS="0401 0403",
            HOLDS="0408 0409",
            CANCELS="040A 040B",
            LOSES="0508",
            STOPS="0406 0500",
        ),
        Phase.SEND: _effects(
            KEEPS="0404 0502 0507",
            ASKS="0403",
            HOLDS="0409",
            LOSES="0400 0401 0402 0408 040A 040B 040D 040F 0410 0411 0501 0503 0504 0505 0506 0508 0509 050B",
            STOPS="0406 0500",
        ),
    }
)

_EARLY = (Phase.VALIDATE, Phase.CREATE, Phase.PRINT)


def _row(early: int, send: int) -> Mapping[Phase, int]:
    return MappingProxyType({**dict.fromkeys(_EARLY, early), Phase.SEND: send})


_S = Status
# By `SpoolError.kind`; what is not here is never said while a job comes in, or says what its class says.
ANSWERS: Mapping[str, Mapping[Phase, int]] = MappingProxyType(
    {
        # A challenge; to a wrong password at Send-Document words, for a challenge loses the job there.
        "not-authenticated": _row(HTTP_UNAUTHORIZED, _S.CLIENT_ERROR_NOT_AUTHORIZED),
        "too-many-attempts": _row(HTTP_UNAUTHORIZED, _S.CLIENT_ERROR_NOT_AUTHORIZED),
        "not-authorized": _row(_S.CLIENT_ERROR_NOT_AUTHORIZED, _S.CLIENT_ERROR_NOT_AUTHORIZED),
        # A queue that is gone may stop the client's; a job that is gone must not.
        "not-found": _row(_S.CLIENT_ERROR_NOT_FOUND, _S.CLIENT_ERROR_NOT_POSSIBLE),
        "not-possible": _row(_S.CLIENT_ERROR_NOT_POSSIBLE, _S.CLIENT_ERROR_NOT_POSSIBLE),
        "refused-by-policy": _row(
            _S.CLIENT_ERROR_ATTRIBUTES_OR_VALUES_NOT_SUPPORTED, _S.CLIENT_ERROR_NOT_POSSIBLE
        ),
        "unavailable": _row(_S.SERVER_ERROR_SERVICE_UNAVAILABLE, _S.SERVER_ERROR_SERVICE_UNAVAILABLE),
        "busy": _row(_S.SERVER_ERROR_BUSY, _S.SERVER_ERROR_BUSY),
        "not-accepting": _row(_S.SERVER_ERROR_NOT_ACCEPTING_JOBS, _S.SERVER_ERROR_BUSY),
    }
)
# What only a document can be refused for: at Print-Job by the code of its class, at Send-Document by a
# success whose job is aborted.
ABOUT_DOCUMENTS = frozenset({"unsupported-document", "broken-compression", "too-large"})


def status_of(error: SpoolError, operation: int) -> int:
    """Return the IPP status that an operation answers with when it meets this refusal."""
    phase = PHASES.get(operation)
    if phase is None or error.kind not in ANSWERS:
        return error.ipp_status
    status = ANSWERS[error.kind][phase]
    return error.ipp_status if status == HTTP_UNAUTHORIZED else status
