"""State directory, listeners and site: what the daemon refuses to start on."""

import socket
from contextlib import ExitStack, suppress
from datetime import timedelta
from pathlib import Path

import pytest

from spoold.app.listeners import open_listeners
from spoold.app.site import build_site
from spoold.app.state import StateDirectory
from spoold.config.model import Config
from spoold.model.errors import ConfigurationError
from spoold.model.queue import Authentication, Release
from spoold.runtime.limits import DaemonLimits

RESERVE_BYTES = 1_000_000


def _config(**sections: object) -> Config:
    whole: dict[str, object] = {
        "server": {"name": "print.example.org"},
        "store": {"key": "credential:store-key"},
        "listen": {"ipp": [], "web": []},
        "printers": {
            "p": {"uri": "ipps://192.0.2.1/ipp/print", "location": "Hall", "block_on": ["toner-low"]}
        },
        "queues": {"q": {"printers": ["p"], "mask_names": False, "expires_after": "1h"}},
    }
    return Config.model_validate(whole | sections)


def open_sockets() -> set[str]:
    """The sockets of this process by their inodes; numbers are given anew, and files come and go."""
    found = set()
    for one in Path("/proc/self/fd").iterdir():
        # The descriptor by which this directory is read is gone when its own turn comes.
        with suppress(FileNotFoundError):
            found.add(str(one.readlink()))
    return {what for what in found if what.startswith("socket:")}


def test_the_directory_is_made_for_the_daemon_alone(tmp_path: Path) -> None:
    """Mode 0700, with a reserve that can be given back to a full disk once."""
    state = StateDirectory.prepare(tmp_path / "state", reserve_bytes=RESERVE_BYTES)
    assert state.root.stat().st_mode & 0o777 == 0o700
    assert (state.root / "reserve").stat().st_size == RESERVE_BYTES
    assert state.free_reserve() is True
    assert state.free_reserve() is False
    assert state.total_bytes() > RESERVE_BYTES


@pytest.mark.parametrize("mode", [0o750, 0o705, 0o777])
def test_an_open_directory_is_refused(tmp_path: Path, mode: int) -> None:
    """What others can look into is not a place for jobs; the refusal says how to close it."""
    root = tmp_path / "state"
    root.mkdir()
    root.chmod(mode)
    with pytest.raises(ConfigurationError, match="chmod 0700"):
        StateDirectory.prepare(root, reserve_bytes=RESERVE_BYTES)


def test_a_file_in_its_place_is_refused(tmp_path: Path) -> None:
    """The state directory must be one."""
    (tmp_path / "state").write_text("")
    with pytest.raises(ConfigurationError):
        StateDirectory.prepare(tmp_path / "state", reserve_bytes=RESERVE_BYTES)


def test_one_daemon_at_a_time(tmp_path: Path) -> None:
    """The second is refused until the first lets go."""
    state = StateDirectory.prepare(tmp_path / "state", reserve_bytes=RESERVE_BYTES)
    lock = state.lock()
    with pytest.raises(ConfigurationError, match="Another spoold"):
        state.lock()
    lock.release()
    state.lock().release()


def test_sockets_of_systemd_take_precedence(tmp_path: Path) -> None:
    """A passed socket is used, and the configured address is not opened as well."""
    with ExitStack() as stack, socket.create_server(("127.0.0.1", 0)) as passed:
        config = _config(listen={"ipp": ["127.0.0.1:0"], "web": []})
        found = open_listeners(config, {"ipp": [passed]}, stack)
    assert found == {"ipp": [passed], "web": [], "lpr": []}


def test_unknown_sockets_are_refused() -> None:
    """A misspelt FileDescriptorName would leave a door open that nobody watches."""
    with ExitStack() as stack, socket.create_server(("127.0.0.1", 0)) as passed:
        with pytest.raises(ConfigurationError, match="ippp"):
            open_listeners(_config(), {"ippp": [passed]}, stack)


def test_lpr_without_a_list_is_refused_even_by_activation() -> None:
    """LPR knows neither passwords nor encryption: the list is all it has."""
    with ExitStack() as stack, socket.create_server(("127.0.0.1", 0)) as passed:
        with pytest.raises(ConfigurationError, match="allow"):
            open_listeners(_config(), {"lpr": [passed]}, stack)


def test_an_address_in_use_is_refused_and_everything_closed() -> None:
    """The words name the address; nothing stays open behind a refusal."""
    before = open_sockets()
    with ExitStack() as stack, socket.create_server(("127.0.0.1", 0)) as busy:
        port = busy.getsockname()[1]
        config = _config(listen={"ipp": ["127.0.0.1:0"], "web": [f"127.0.0.1:{port}"]})
        with pytest.raises(ConfigurationError, match=str(port)):
            open_listeners(config, {}, stack)
    assert open_sockets() <= before


def test_the_site_is_what_the_file_says() -> None:
    """Queues and printers as configured, with the daemon's bounds."""
    site = build_site(_config(), DaemonLimits(max_document_bytes=123))
    queue, printer = site.queues["q"], site.printers["p"]
    assert (queue.authentication, queue.release) == (Authentication.REQUIRED, Release.BY_OWNER)
    assert queue.expires_after == timedelta(hours=1)
    assert (printer.uri, printer.location) == ("ipps://192.0.2.1/ipp/print", "Hall")
    assert printer.block_on == {"toner-low"}
    assert site.max_document_bytes == 123
    assert site.masks("q") is False
    assert site.masks("a queue that is gone") is True


def test_server_wide_masking_overrules_queues() -> None:
    """One switch for the whole site."""
    config = _config(server={"name": "print.example.org", "mask_names": True})
    assert build_site(config, DaemonLimits()).masks("q") is True
