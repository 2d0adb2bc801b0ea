"""The portal served over TLS from a thread, for clients that are programs of their own."""

import socket
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import trio

from protocols.tls import create_self_signed, server_context
from spoold.doors.web.app import serve_web
from spoold.doors.web.asgi import AsgiApp
from tests.support.identities import make_identity, open_database
from tests.support.web_portal import PortalKit, make_portal

# A busy machine may need seconds to hash four passwords and start.
START_TIMEOUT_S = 60.0
T = TypeVar("T")


@dataclass
class Running:
    """A web application that answers at `origin`, from a thread of its own."""

    port: int
    certificate: Path
    token: trio.lowlevel.TrioToken

    def ask(self, function: Callable[..., Awaitable[T]], *arguments: object) -> T:
        """Run something in that thread and return what it returns."""
        return trio.from_thread.run(function, *arguments, trio_token=self.token)

    @property
    def origin(self) -> str:
        return f"https://localhost:{self.port}"


@dataclass
class ServedPortal(Running):
    """A portal over a desk in memory."""

    portal: PortalKit


@contextmanager
def serving_portal(folder: Path) -> Iterator[ServedPortal]:
    """Serve a portal on a loopback port until the block ends."""

    async def make(stack: AsyncExitStack) -> tuple[AsgiApp, PortalKit]:
        portal = await make_portal(make_identity(stack.enter_context(open_database(folder / "spoold.db"))))
        return portal.app, portal

    with serving_app(folder, make) as (running, portal):
        yield ServedPortal(running.port, running.certificate, running.token, portal)


@contextmanager
def serving_app(
    folder: Path, make: Callable[[AsyncExitStack], Awaitable[tuple[AsgiApp, T]]]
) -> Iterator[tuple[Running, T]]:
    """Serve an application on a loopback port until the block ends.

    Args:
        make: called in the thread, returns the application and what a test wants of it; the stack is closed
            once the last request is answered.
    """
    key_path, certificate_path = folder / "key.pem", folder / "certificate.pem"
    key, certificate = create_self_signed(["localhost"])
    key_path.write_bytes(key)
    certificate_path.write_bytes(certificate)
    started, found = threading.Event(), []
    stop: list[Callable[[], None]] = []

    async def main() -> None:
        async with AsyncExitStack() as stack:
            app, made = await make(stack)
            listener = socket.create_server(("127.0.0.1", 0))
            token = trio.lowlevel.current_trio_token()
            context = server_context(certificate_path, key_path)
            shutdown = trio.Event()
            stop.append(lambda: token.run_sync_soon(shutdown.set))
            async with trio.open_nursery() as nursery:

                async def run(*, task_status: trio.TaskStatus[None]) -> None:
                    await serve_web(
                        app,
                        [listener],
                        tls_context=lambda: context,
                        shutdown=shutdown.wait,
                        task_status=task_status,
                    )

                await nursery.start(run)
                found.append((Running(listener.getsockname()[1], certificate_path, token), made))
                started.set()

    thread = threading.Thread(target=trio.run, args=(main,), name="portal")
    thread.start()
    try:
        assert started.wait(START_TIMEOUT_S), "the portal did not start"
        yield found[0]
    finally:
        for each in stop:
            each()
        thread.join()
