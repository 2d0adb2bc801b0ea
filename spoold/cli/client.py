"""Talks to the running daemon over its control socket."""

import json
import socket
import tomllib
from pathlib import Path
from typing import Any

from spoold.model.errors import ConfigurationError, SpoolError
from spoold.runtime.socket_path import short_name

CONNECT_TIMEOUT_S = 5.0
# A release may be waited for; everything else answers at once.
ANSWER_TIMEOUT_S = 930.0
DEFAULT_STATE_DIR = "/var/lib/spoold"
SOCKET_NAME = "control.sock"


class CommandRefused(SpoolError):  # noqa: N818 - the daemon's refusal, in its words
    """The daemon said no."""

    def __init__(self, kind: str, public: str, exit_code: int) -> None:
        super().__init__(public)
        self.refused_kind = kind
        self.exit_code = exit_code  # type: ignore[misc]  # of this one refusal, not of the class


def ask(config_path: str, command: str, **arguments: Any) -> Any:
    """Run one command in the daemon and return its result.

    Raises:
        CommandRefused: the daemon's refusal, with its words and exit status.
        ConfigurationError: there is no daemon to ask.
    """
    path = state_dir(config_path) / SOCKET_NAME
    request = json.dumps({"command": command, "arguments": arguments}).encode() + b"\n"
    try:
        answer = _exchange(path, request)
    except (FileNotFoundError, ConnectionRefusedError):
        raise ConfigurationError(f"No daemon runs on {path.parent}; start it with: spoold serve") from None
    except PermissionError:
        raise ConfigurationError(
            f"{path} cannot be opened; run this as root or as the daemon's user."
        ) from None
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"The daemon did not answer: {error}.") from error
    if not answer.get("ok"):
        refusal = answer["error"]
        raise CommandRefused(refusal["kind"], refusal["public"], refusal["exit_code"])
    return answer["result"]


def state_dir(config_path: str) -> Path:
    """Return [server] state_dir of the configuration; the rest of the file need not be right for that.

    Raises:
        ConfigurationError: the file cannot be read.
    """
    try:
        with Path(config_path).open("rb") as file:
            read = tomllib.load(file)
    except OSError as error:
        raise ConfigurationError(f"{config_path}: {error.strerror}") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"{config_path}: {error}") from error
    return Path(read.get("server", {}).get("state_dir", DEFAULT_STATE_DIR))


def _exchange(path: Path, request: bytes) -> dict[str, Any]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(CONNECT_TIMEOUT_S)
        with short_name(path) as name:
            connection.connect(name)
        connection.sendall(request)
        connection.settimeout(ANSWER_TIMEOUT_S)
        with connection.makefile("rb") as answer:
            read: dict[str, Any] = json.loads(answer.readline())
    return read
