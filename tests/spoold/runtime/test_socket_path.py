"""Sockets can be made and reached where their whole name is longer than an address may be."""

import socket
from pathlib import Path

import pytest

from spoold.runtime.socket_path import short_name


def test_a_socket_deep_down_is_made_and_reached(tmp_path: Path) -> None:
    deep = tmp_path / ("a" * 100) / ("b" * 100)
    deep.mkdir(parents=True)
    path = deep / "control.sock"
    with socket.socket(socket.AF_UNIX) as listening, socket.socket(socket.AF_UNIX) as connection:
        with short_name(path) as name:
            listening.bind(name)
        listening.listen(1)
        assert path.is_socket()
        with short_name(path) as name:
            connection.connect(name)
        connection.sendall(b"hello")
        accepted, _ = listening.accept()
        with accepted:
            assert accepted.recv(5) == b"hello"


def test_a_directory_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), short_name(tmp_path / "nowhere" / "control.sock"):
        pass
