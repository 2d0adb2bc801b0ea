"""Listening sockets: the ones systemd opened for us, or our own as the configuration says."""

import socket
from collections.abc import Mapping, Sequence
from contextlib import ExitStack

from spoold.config.model import Config
from spoold.config.values import ListenAddress
from spoold.model.errors import ConfigurationError

BACKLOG = 1024
DOORS = ("ipp", "web", "lpr")


def open_listeners(
    config: Config, activated: Mapping[str, Sequence[socket.socket]], stack: ExitStack
) -> dict[str, list[socket.socket]]:
    """Return the listening sockets of each door; those passed by systemd take precedence.

    Args:
        stack: closes what is opened here, also when a later address cannot be listened on.

    Raises:
        ConfigurationError: an address cannot be listened on, or LPR would listen without an allow-list.
    """
    refusal = config.lpr_refusal(activated="lpr" in activated)
    if refusal is not None:
        raise ConfigurationError(refusal)
    unknown = sorted(set(activated) - set(DOORS))
    if unknown:
        raise ConfigurationError(
            f"systemd passed sockets named {', '.join(unknown)}; known are ipp, web and lpr."
        )
    wanted = {"ipp": config.listen.ipp, "web": config.listen.web, "lpr": config.listen.lpr}
    return {
        door: list(activated[door])
        if door in activated
        else [stack.enter_context(_listen(address)) for address in wanted[door]]
        for door in DOORS
    }


def _listen(address: ListenAddress) -> socket.socket:
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            # [::] means everybody, IPv4 as well, whatever the machine's default is.
            listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        listening.bind((address.host, address.port))
        listening.listen(BACKLOG)
    except OSError as error:
        listening.close()
        raise ConfigurationError(f"Cannot listen on {address}: {error.strerror}.") from error
    listening.setblocking(False)
    return listening
