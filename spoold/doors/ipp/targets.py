"""Which queue and job a request is about, and whether its envelope is right (RFC 8011 4.1)."""

import functools
from collections.abc import Container
from dataclasses import dataclass, field, replace
from urllib.parse import unquote, urlsplit

from protocols.errors import RemoteProtocolError
from protocols.http.message import Request
from protocols.ipp.message import Group, Message
from protocols.ipp.status import Status
from protocols.ipp.tags import GroupTag

_OWN_PREFIX = "/ipp/print/"
_PREFIXES = (_OWN_PREFIX, "/printers/")
# Between a queue and the token of a personal print URI; a job's number is never this.
_PERSONAL = "u/"
# Ours have 32; what is longer is nobody's, and not worth a hash.
MAX_TOKEN_CHARS = 64
# As many queues as a large site has, by a few names each; a longer URI is read each time.
MAX_KEPT_URIS = 1024
MAX_KEPT_URI_CHARS = 256
_SCHEMES = frozenset({"ipp", "ipps", "http", "https"})


@dataclass(frozen=True, slots=True)
class Target:
    """The queue a request names, and the job if it names one.

    Args:
        token: of a personal print URI, whether it is one of ours or not; empty without one.
    """

    queue: str
    job_number: int | None = None
    token: str = field(default="", repr=False)


def target_of(request: Request, message: Message, operations: Container[int]) -> Target:
    """Check the envelope of a request and return what it is about.

    Raises:
        RemoteProtocolError: with the IPP status of RFC 8011 4.1 for what is wrong.
    """
    if not 1 <= message.version[0] <= 2:
        raise _refused("only IPP 1.x and 2.x are spoken here", Status.SERVER_ERROR_VERSION_NOT_SUPPORTED)
    if message.request_id < 1:
        raise _refused("request-id must be at least 1")
    if message.code not in operations:
        raise _refused("there is no such operation here", Status.SERVER_ERROR_OPERATION_NOT_SUPPORTED)
    operation = _operation_group(message)
    job_uri = operation.string("job-uri")
    printer_uri = operation.string("printer-uri")
    if job_uri is not None and printer_uri is None:
        target = _parse(job_uri)
    elif printer_uri is not None:
        asked = _parse(printer_uri)
        target = Target(asked.queue, operation.integer("job-id"), asked.token)
    else:
        raise _refused("printer-uri or job-uri is missing")
    return _with_path(request, target)


def _operation_group(message: Message) -> Group:
    """Check what every request begins with (RFC 8011 4.1.4)."""
    groups = message.groups
    if not groups or groups[0].tag != GroupTag.OPERATION:
        raise _refused("the operation attributes are missing")
    if len(message.all(GroupTag.OPERATION)) > 1:
        raise _refused("the operation attributes are there twice")
    attributes = groups[0].attributes
    names = [attribute.name for attribute in attributes[:2]]
    if names != ["attributes-charset", "attributes-natural-language"]:
        raise _refused("attributes-charset and attributes-natural-language must come first")
    if len({attribute.name for attribute in attributes}) != len(attributes):
        raise _refused("an operation attribute is there twice")
    spoken = (groups[0].string("attributes-charset") or "").lower()
    if spoken not in ("utf-8", "us-ascii"):
        raise _refused("only utf-8 is understood here", Status.CLIENT_ERROR_CHARSET_NOT_SUPPORTED)
    return groups[0]


def _parse(uri: str) -> Target:
    # What may have a token in it is not kept.
    is_kept = len(uri) <= MAX_KEPT_URI_CHARS and f"/{_PERSONAL}" not in uri
    return _known(uri) if is_kept else _read(uri)


def _read(uri: str) -> Target:
    try:
        parts = urlsplit(uri)
    except ValueError:
        raise _refused("the URI cannot be read") from None
    if parts.scheme.lower() not in _SCHEMES:
        raise _refused("the URI's scheme is not one of ours", Status.CLIENT_ERROR_URI_SCHEME_NOT_SUPPORTED)
    return parse_path(parts.path)


# Clients say the same few URIs in every request; refusals are not kept.
_known = functools.lru_cache(MAX_KEPT_URIS)(_read)


def parse_path(path: str) -> Target:
    """Return what a path names: /ipp/print/QUEUE, /ipp/print/QUEUE/JOB, or CUPS's /printers/QUEUE.

    A personal print URI has its token behind the queue, and a job's number behind that:
    /ipp/print/QUEUE/u/TOKEN, /ipp/print/QUEUE/u/TOKEN/JOB.

    Raises:
        RemoteProtocolError: not found.
    """
    for prefix in _PREFIXES:
        if path.startswith(prefix):
            queue, _, rest = path.removeprefix(prefix).partition("/")
            token = ""
            if prefix == _OWN_PREFIX and rest.startswith(_PERSONAL):
                token, _, rest = rest.removeprefix(_PERSONAL).partition("/")
                if not _may_be_token(token):
                    break
            if queue and (not rest or (rest.isascii() and rest.isdigit() and len(rest) <= 10)):
                return Target(unquote(queue), int(rest) if rest else None, token)
    raise _refused("there is no such printer here", Status.CLIENT_ERROR_NOT_FOUND)


def _may_be_token(text: str) -> bool:
    return text.isascii() and text.isalnum() and len(text) <= MAX_TOKEN_CHARS


def _with_path(request: Request, target: Target) -> Target:
    """Return the target, with the token of the request's HTTP path if its attributes name none.

    Raises:
        RemoteProtocolError: the path speaks of another queue, or of another person, than the attributes.
    """
    if request.path in ("/", "/ipp/print", "/ipp"):
        return target
    path = parse_path(request.path)
    if path.queue != target.queue or (path.token and target.token and path.token != target.token):
        raise _refused("the request's path and its attributes name different printers")
    return target if target.token or not path.token else replace(target, token=path.token)


def _refused(words: str, status: Status = Status.CLIENT_ERROR_BAD_REQUEST) -> RemoteProtocolError:
    return RemoteProtocolError(words, status_hint=status)
