"""Loading: a frozen configuration, or every mistake of the file at its place."""

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spoold.config.loader import MAX_FILE_BYTES, check, check_environment, load
from spoold.config.problems import ConfigurationErrors, Problem

BROKEN = Path(__file__).parent / "files" / "broken.toml"
GOOD = """
[server]
name = "print.example.org"
[store]
key = "credential:store-key"
[printers.lobby]
uri = "ipps://192.0.2.21/ipp/print"
[queues.secure]
printers = ["lobby"]
"""
# line, column, what it says, what it suggests
EXPECTED = [
    (2, 1, 'unknown key "colour"', None),
    (5, 1, 'unknown key "nmae" in [server]', "name"),
    (6, 13, "server.state_dir: must be an absolute path", "/var/lib/spoold"),
    (7, 12, 'server.timezone: there is no time zone named "Europe/Pariss"', "Europe/Paris"),
    (10, 8, "listen.ipp[0]: must be a numeric address", "127.0.0.1:631"),
    (10, 25, "listen.ipp[1]: [::]:443 is already taken by listen.web", None),
    (11, 7, "listen.lpr: LPR listens, so [lpr] allow must list", None),
    (14, 7, 'store.key: must be "credential:NAME" or "file:/path"', None),
    (15, 13, "store.documents: documents in S3 are not supported yet", None),
    (18, 17, "hold.expires_after: must be a duration", None),
    (20, 11, "names have 1 to 63 characters", None),
    (24, 7, "printers.floor-2.uri: socket: printers are not supported yet", None),
    (25, 12, "printers.floor-2.location: must be a string", None),
    (28, 13, 'queues.secure.printers[0]: there is no printer named "lobby"', "Löbby"),
    (29, 13, 'queues.secure.printers[1]: there is no printer named "flor-2"', "floor-2"),
    (30, 14, "queues.secure.mask_names: must be true or false", None),
    (31, 18, 'queues.secure.authentication: must be "required" or "at-release"', "at-release"),
    (32, 1, 'unknown key "tägs" in [queues.secure]', None),
    (36, 26, 'rules[0].when: there is no fact named "user.group"', "groups"),
    (36, 41, 'rules[0].when: there is no schedule named "school-huors"', "school-hours"),
    (41, 12, 'rules[1].when: ">" compares two numbers or two strings', None),
    (42, 12, 'rules[1].when: there is no fact named "document.page"', "pages"),
    (44, 11, 'rules[1].queues[0]: there is no queue named "secur"', "secure"),
    (45, 1, "rules[2].name: is missing", None),
    (46, 9, 'rules[2].when: "é" has no meaning here', None),
    (47, 17, 'rules[2].set.sides: must be "one-sided", ', "two-sided-long-edge"),
    (47, 39, "rules[2].set.copies: must be at least 1", None),
    (50, 17, 'schedules.school-hours[0]: "8:00" is no time of day', "08:00"),
    (53, 16, "limits.max_document: must be a size", "4GiB"),
    (54, 25, "limits.max_documents_per_job: must be a whole number", None),
    (57, 10, "log.format: must be", None),
]


def written(directory: Path, text: str) -> Path:
    path = directory / "spoold.toml"
    path.write_text(text, newline="")
    return path


def problems(path: Path) -> tuple[Problem, ...]:
    with pytest.raises(ConfigurationErrors) as caught:
        load(path)
    return caught.value.problems


def test_a_good_file_becomes_a_configuration(tmp_path: Path) -> None:
    assert load(written(tmp_path, GOOD)).server.name == "print.example.org"


def test_every_mistake_of_a_broken_file_is_reported_at_its_place() -> None:
    found = problems(BROKEN)
    assert [(p.line, p.column) for p in found] == [(line, column) for line, column, _, _ in EXPECTED]
    for problem, (line, column, message, suggestion) in zip(found, EXPECTED, strict=True):
        assert message in problem.message
        assert problem.suggestion == suggestion
        assert str(problem).startswith(f"{BROKEN}:{line}:{column}: ")


def test_no_problem_repeats_what_may_be_a_secret() -> None:
    assert "hunter2" not in "\n".join(str(problem) for problem in check(BROKEN))


@pytest.mark.parametrize(
    ("text", "line", "column", "message"),
    [
        ("a = 1\nb = = 2\n", 2, 5, "not TOML: Invalid value"),
        ("[server\n", 1, 8, "not TOML"),
        ('name = "x\n', 1, 10, "not TOML"),
        ("a = 1\na = 2\n", 2, 6, "not TOML: Cannot overwrite"),
        ("a = 1\n\n\nb = [1,\n", 4, 8, "not TOML"),
        ("\ufeffa = 1\n", 1, 1, "byte order mark"),
        ("a = " + "[" * 5000, 1, 1, "nested too deeply"),
    ],
)
def test_what_is_no_toml_is_reported_where_it_stops_being_it(
    tmp_path: Path, text: str, line: int, column: int, message: str
) -> None:
    (problem,) = problems(written(tmp_path, text))
    assert (problem.line, problem.column) == (line, column)
    assert message in problem.message
    assert "(at " not in problem.message


def test_bytes_that_are_no_utf_8_are_reported_where_they_stand(tmp_path: Path) -> None:
    path = tmp_path / "spoold.toml"
    path.write_bytes("a = 1\né = '".encode() + b"\xff'\n")
    assert [(p.line, p.column) for p in problems(path)] == [(2, 6)]


def test_a_file_that_cannot_be_read_is_one_problem(tmp_path: Path) -> None:
    (missing,) = problems(tmp_path / "missing.toml")
    assert str(missing) == f"{tmp_path}/missing.toml:1:1: cannot be read: No such file or directory"
    (directory,) = problems(tmp_path)
    assert "Is a directory" in directory.message


def test_the_size_of_the_file_is_bounded(tmp_path: Path) -> None:
    padding = "#" * (MAX_FILE_BYTES - len(GOOD.encode()))
    assert load(written(tmp_path, GOOD + padding)).server.name == "print.example.org"
    (problem,) = problems(written(tmp_path, GOOD + padding + "#"))
    assert "larger than" in problem.message


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_line_ends_of_either_kind_are_counted(tmp_path: Path, newline: str) -> None:
    text = (GOOD + "[log]\nlevel = 'loud'\n").replace("\n", newline)
    (problem,) = problems(written(tmp_path, text))
    assert (problem.line, problem.column, problem.key) == (11, 9, "log.level")


@pytest.mark.parametrize(
    ("text", "messages"),
    [
        ("", ["server: is missing", "store: is missing", "at least one queue"]),
        ("server = 1\nstore = []\nqueues = 'x'\nrules = {}", ["table", "table", "table", "list"]),
        (GOOD + "[server.extra]\nx = 1", ['unknown key "extra" in [server]']),
        (GOOD + "[limits]\nmax_document_bytes = 1", ['unknown key "max_document_bytes" in [limits]']),
        (GOOD + "[[rules]]\nname = ''\nwhen = 'true'\ndeny = ''", ["not be empty", "not be empty"]),
        (GOOD + "[[rules]]\nname = 'a\\tb'\nwhen = 'true'\ndeny = \"a\\nb\"", ["one line"]),
        (GOOD + "[queues.b]\nprinters = []", ["not be empty"]),
        (GOOD + "[identity]\norder = ['local', 'school']", ["there is no [identity.ldap.school]"]),
        (GOOD + "[[rules]]\nname = 'a'\nwhen = 'true'\nset = {copies = 1000}", ["at most 999"]),
        (GOOD + f"[printers.x]\nuri = 'ipp://h'\nlocation = '{'x' * 128}'", ["at most 127 characters"]),
        (GOOD + ".".join(["a"] * 3000) + " = 1", ['unknown key "a"']),
    ],
)
def test_documents_of_wrong_shape_are_reported_in_words(
    tmp_path: Path, text: str, messages: list[str]
) -> None:
    found = [problem.message for problem in problems(written(tmp_path, text))]
    assert len(found) == len(messages)
    for message in messages:
        assert any(message in said for said in found)


def test_a_misspelt_required_key_is_one_problem(tmp_path: Path) -> None:
    text = GOOD.replace("uri =", "url =")
    (problem,) = problems(written(tmp_path, text))
    assert problem.suggestion == "uri"


def test_checking_covers_the_machine_and_the_file_in_one_run(tmp_path: Path) -> None:
    text = GOOD.replace("credential:store-key", f"file:{tmp_path}/no.key") + "[log]\nlevel = 'loud'\n"
    text = text.replace("[store]", f"state_dir = '{tmp_path}/state'\n[store]")
    found = check(written(tmp_path, text))
    assert [(problem.line, problem.key) for problem in found] == [(6, "store.key"), (12, "log.level")]


def test_a_loaded_configuration_can_be_checked_against_the_machine(tmp_path: Path) -> None:
    text = GOOD.replace("credential:store-key", f"file:{tmp_path}/no.key")
    path = written(tmp_path, text.replace("[store]", f"state_dir = '{tmp_path}/state'\n[store]"))
    (problem,) = check_environment(load(path), path)
    assert (problem.file, problem.line, problem.column) == (path, 6, 7)
    (unplaced,) = check_environment(load(path))
    assert (unplaced.line, unplaced.column, unplaced.key) == (1, 1, "store.key")


def test_checking_reports_what_is_no_toml(tmp_path: Path) -> None:
    (problem,) = check(written(tmp_path, "a = = 1"))
    assert "not TOML" in problem.message


def test_a_good_file_does_not_load_the_parser_for_places(tmp_path: Path) -> None:
    program = f"""
import sys
from pathlib import Path
from spoold.config.loader import load
load(Path({str(written(tmp_path, GOOD))!r}))
sys.exit("tree_sitter" in sys.modules)
"""
    assert subprocess.run([sys.executable, "-c", program], cwd=Path.cwd(), timeout=60).returncode == 0


LINES = st.sampled_from(
    [
        *GOOD.splitlines(),
        "[[rules]]",
        "name = 'a'",
        "when = 'job.copies > '",
        'when = """\nusr.name == 3"""',
        "deny = 'x'",
        "set = { sides = 1 }",
        "[schedules]",
        "s = ['Man', 3]",
        "[listen]",
        "ipp = ['x', '[::]:443', 7]",
        "printers = 1979-05-27",
        "[queues]",
        "rules = [1, {when = 2}]",
        "key = inf",
        "[printers.'é']",
    ]
)


@settings(deadline=None)
@given(st.lists(LINES, max_size=12).map("\n".join))
def test_any_file_loads_or_is_refused_with_places(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.toml"
    path.write_text(text)
    lines = text.split("\n")
    for problem in check(path):
        assert 1 <= problem.line <= len(lines)
        assert 1 <= problem.column <= len(lines[problem.line - 1]) + 1
