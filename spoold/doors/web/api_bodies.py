"""JSON that programs send and are answered with (RFC 8259)."""

import json
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from spoold.doors.web.guard import BadRequest, read_body

JSON_TYPE = "application/json"


def check_type(request: Request) -> None:
    """Refuse a body that is not declared as JSON."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != JSON_TYPE:
        raise BadRequest(f"Send the body as {JSON_TYPE}.")


def parsed(body: bytes) -> Any:
    """Return what a body says.

    Raises:
        BadRequest: it is not JSON.
    """
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        # `from None`: the exception quotes what was sent, a PIN or a code included.
        raise BadRequest("The body is not JSON.") from None


async def wanted(request: Request, *names: str) -> dict[str, str | None]:
    """Return what a body names; None for what it does not: an empty one names nothing."""
    body = await read_body(request)
    content: Any = {}
    if body:
        check_type(request)
        content = parsed(body)
    if not isinstance(content, dict) or not content.keys() <= set(names):
        shown = ", ".join(f'"{name}": {name.upper()}' for name in names)
        raise BadRequest(f"The body is {{{shown}}} and nothing else.")
    if not all(value is None or isinstance(value, str) for value in content.values()):
        raise BadRequest("Whatever the body names is a string.")
    return {name: content.get(name) for name in names}


def json_answer(content: object, status: int = 200) -> Response:
    """Return content as JSON."""
    text = json.dumps(content, ensure_ascii=False, allow_nan=False)
    return Response(text, status_code=status, media_type=JSON_TYPE)
