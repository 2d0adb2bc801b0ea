"""`spoold check` and `spoold serve` on files with mistakes: all of them at once, and nothing started."""

import json
import re
import socket
from pathlib import Path

import pytest

from tests.integration.conftest import MakeDaemon
from tests.integration.daemon import ROOT, Daemon

BROKEN = ROOT / "tests/spoold/config/files/broken.toml"
EXAMPLE = ROOT / "config.example.toml"
# Where each mistake of the file stands that is not the state directory's, and some of what it says.
PLACES = [
    *((2, 1), (5, 1), (7, 12), (10, 8), (10, 25), (11, 7), (14, 7), (15, 13), (18, 17), (20, 11)),
    *((24, 7), (25, 12), (28, 13), (29, 13), (30, 14), (31, 18), (32, 1), (36, 26), (36, 41), (41, 12)),
    *((42, 12), (44, 11), (45, 1), (46, 9), (47, 17), (47, 39), (50, 17), (53, 16), (54, 25), (57, 10)),
]
SAID = [
    '5:1: unknown key "nmae" in [server] (did you mean "name"?)',
    '7:12: server.timezone: there is no time zone named "Europe/Pariss" (did you mean "Europe/Paris"?)',
    "11:7: listen.lpr: LPR listens, so [lpr] allow must list",
    '29:13: queues.secure.printers[1]: there is no printer named "flor-2" (did you mean "floor-2"?)',
    '36:26: rules[0].when: there is no fact named "user.group" (did you mean "groups"?)',
    '36:41: rules[0].when: there is no schedule named "school-huors" (did you mean "school-hours"?)',
    '42:12: rules[1].when: there is no fact named "document.page" (did you mean "pages"?)',
]
PLACE = re.compile(r"^(.+?):(\d+):(\d+): (.+)$")
SITE = '[printers.lab]\nuri = "folder:{folder}"\n[queues.secure]\nprinters = ["lab"]\n'


@pytest.fixture
def broken(make_daemon: MakeDaemon) -> Daemon:
    """A daemon that is not started, with every mistake of broken.toml but a usable state directory."""
    daemon = make_daemon("", start=False)
    text = BROKEN.read_text().replace('"var/lib/spoold"', f'"{daemon.state}"')
    daemon.directory.mkdir()
    daemon.config_path.write_text(text)
    return daemon


def mistakes(printed: str) -> list[tuple[str, int, int, str]]:
    """Read "file:line:column: message" lines."""
    found = [PLACE.match(line) for line in printed.splitlines()]
    assert all(found), printed
    return [(one[1], int(one[2]), int(one[3]), one[4]) for one in found if one is not None]


def assert_nothing_started(daemon: Daemon) -> None:
    assert not daemon.state.exists()
    assert [path.name for path in daemon.directory.iterdir()] == ["spoold.toml"]


# -- every mistake at once --


def test_check_reports_every_mistake_at_its_place_with_a_suggestion(broken: Daemon) -> None:
    done = broken.cli("check")
    assert (done.returncode, done.stdout) == (2, "")
    found = mistakes(done.stderr)
    assert {file for file, _, _, _ in found} == {str(broken.config_path)}
    assert [(line, column) for _, line, column, _ in found] == PLACES
    lines = done.stderr.replace(f"{broken.config_path}:", "").splitlines()
    for said in SAID:
        assert any(line.startswith(said) for line in lines), said
    assert "hunter2" not in done.stderr
    assert_nothing_started(broken)


def test_check_says_the_same_to_programs(broken: Daemon) -> None:
    people, programs = broken.cli("check"), broken.cli("check", "--json")
    assert (programs.returncode, programs.stderr) == (2, "")
    read = [json.loads(line) for line in programs.stdout.splitlines()]
    hints = [f' (did you mean "{one["suggestion"]}"?)' if one["suggestion"] else "" for one in read]
    assert people.stderr.splitlines() == [
        f"{one['file']}:{one['line']}:{one['column']}: {one['message']}{hint}"
        for one, hint in zip(read, hints, strict=True)
    ]
    assert next(one for one in read if one["line"] == 5)["suggestion"] == "name"
    assert next(one for one in read if one["line"] == 30)["key"] == "queues.secure.mask_names"


def test_serve_says_the_same_and_starts_nothing(broken: Daemon) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        # Had it begun to listen, it would say that it cannot.
        port = taken.getsockname()[1]
        text = broken.config_path.read_text()
        broken.config_path.write_text(text.replace('"localhost:631"', f'"127.0.0.1:{port}"'))
        done = broken.cli("serve")
    assert (done.returncode, done.stdout) == (2, "")
    assert "listen on" not in done.stderr
    assert all(line.startswith("spoold: ") for line in done.stderr.splitlines())
    assert done.stderr.replace("spoold: ", "") == broken.cli("check").stderr
    assert len(mistakes(done.stderr)) == len(PLACES) - 1
    assert_nothing_started(broken)


def test_what_is_no_toml_is_refused_where_it_stops_being_it(broken: Daemon) -> None:
    broken.config_path.write_text('[server]\nname = "a\n')
    for command in ("check", "serve"):
        done = broken.cli(command)
        assert done.returncode == 2
        assert f"{broken.config_path}:2:10: not TOML" in done.stderr
    assert_nothing_started(broken)


def test_a_file_that_is_not_there_is_named(broken: Daemon) -> None:
    broken.config_path.unlink()
    for command in ("check", "serve"):
        done = broken.cli(command)
        assert done.returncode == 2
        assert f"{broken.config_path}:1:1: cannot be read: No such file or directory" in done.stderr


# -- LPR, which trusts an address --


def test_lpr_without_a_list_of_networks_does_not_start(make_daemon: MakeDaemon, tmp_path: Path) -> None:
    daemon = make_daemon(SITE.format(folder=tmp_path), start=False, listen={"lpr": "127.0.0.1:0"})
    daemon.prepare()
    line = next(
        number
        for number, text in enumerate(daemon.config_path.read_text().splitlines(), 1)
        if text.startswith("lpr")
    )
    for command in ("check", "serve"):
        done = daemon.cli(command)
        assert done.returncode == 2
        (said,) = done.stderr.splitlines()
        assert f"{daemon.config_path}:{line}:7: listen.lpr: LPR listens, so [lpr] allow must list" in said
    assert not daemon.state.exists()
    daemon.config += '[lpr]\nallow = ["127.0.0.1/32"]\n'
    daemon.prepare()
    assert daemon.cli("check").returncode == 0


# -- the file we ship --


def example(key: str, state: Path) -> str:
    """Return the example with its key and its state directory on this machine."""
    text = EXAMPLE.read_text()
    for old, new in (
        ("credential:store-key", key),
        ('#state_dir = "/var/lib/spoold"', f'state_dir = "{state}"'),
    ):
        assert text.count(old) == 1
        text = text.replace(old, new)
    return text


def test_the_example_is_right_as_it_is(make_daemon: MakeDaemon) -> None:
    daemon = make_daemon("", start=False)
    daemon.prepare()
    key = daemon.directory / "store.key"
    daemon.config_path.write_text(example(f"file:{key}", daemon.state))
    done = daemon.cli("check")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{daemon.config_path}: fine\n", "")
    assert daemon.cli("check", "--json").stdout == ""
    assert not daemon.state.exists()


def test_check_says_what_the_machine_lacks(make_daemon: MakeDaemon) -> None:
    daemon = make_daemon("", start=False)
    daemon.prepare()
    missing = daemon.directory / "gone"
    daemon.config_path.write_text(example(f"file:{missing}/store.key", missing / "spoold" / "state"))
    done = daemon.cli("check")
    assert done.returncode == 2
    state, key = mistakes(done.stderr)
    assert state[3] == f"server.state_dir: there is no directory {missing}/spoold to make it in"
    assert key[3].startswith("store.key: ")
    assert f"{missing}/store.key" in key[3]


def test_a_key_that_others_can_read_is_refused(make_daemon: MakeDaemon, tmp_path: Path) -> None:
    daemon = make_daemon(SITE.format(folder=tmp_path), start=False)
    daemon.prepare()
    (daemon.directory / "store.key").chmod(0o644)
    for command in ("check", "serve"):
        done = daemon.cli(command)
        assert done.returncode == 2
        assert "has mode 0644" in done.stderr
    assert not daemon.state.exists()
