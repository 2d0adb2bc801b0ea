"""Refusals as programs read them: application/problem+json (RFC 9457)."""

import json
from collections.abc import Mapping
from http import HTTPStatus

from starlette.responses import Response

from protocols.http.challenge import basic_challenge
from spoold.model.errors import SpoolError

MEDIA_TYPE = "application/problem+json"
REALM = "spoold"


def problem(status: int, detail: str, kind: str, *, headers: Mapping[str, str] | None = None) -> Response:
    """Return a problem document.

    Args:
        detail: what happened and what to do, for people.
        kind: stable word for programs, an extension member (RFC 9457 3.2).
    """
    content = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "kind": kind,
    }
    text = json.dumps(content, ensure_ascii=False)
    return Response(text, status_code=status, media_type=MEDIA_TYPE, headers=headers)


def problem_of(error: SpoolError) -> Response:
    """Return what an API client is told of a refusal."""
    headers = retry_header(error)
    if error.http_status == HTTPStatus.UNAUTHORIZED:
        name, value = basic_challenge(REALM)
        headers[name] = value
    return problem(error.http_status, error.public, error.kind, headers=headers)


def retry_header(error: SpoolError) -> dict[str, str]:
    """Return Retry-After (RFC 9110 10.2.3) where the refusal knows when it ends."""
    wait_s = error.fields.get("retry_after_s")
    return {"Retry-After": str(int(wait_s) + 1)} if isinstance(wait_s, int | float) else {}
