"""A job is whole when its control file and the data files that names are there."""

import pytest

from protocols.errors import RemoteProtocolError
from protocols.limits import LprLimits
from protocols.lpr.control_file import ControlDocument, ControlFile
from protocols.lpr.job_files import JobFiles, job_number

LIMITS = LprLimits()


def control(*names: str) -> ControlFile:
    return ControlFile(documents=tuple(ControlDocument(name) for name in names))


def test_control_first_is_whole_with_the_last_named_file() -> None:
    job = JobFiles("cfA001host", LIMITS)
    job.control = control("dfA001host", "dfB001host")
    assert not job.whole
    job.data_files.append("dfA001host")
    assert not job.whole
    job.data_files.append("dfB001host")
    assert job.whole


def test_data_first_is_whole_with_the_control_file() -> None:
    job = JobFiles("dfA001host", LIMITS)
    job.data_files += ["dfA001host", "dfB001host"]
    assert not job.whole
    job.control = control("dfA001host", "dfB001host")
    assert job.whole


def test_a_control_file_that_names_nothing_takes_one_file() -> None:
    job = JobFiles("cfA001host", LIMITS)
    job.control = control()
    assert not job.whole
    job.data_files.append("dfA001host")
    assert job.whole


def test_files_of_one_number_belong_together_whatever_host_they_name() -> None:
    job = JobFiles("cfA001host.example.org", LIMITS)
    job.check_data("dfA001host")
    with pytest.raises(RemoteProtocolError, match="another job"):
        job.check_data("dfA002host")
    with pytest.raises(RemoteProtocolError, match="another job"):
        job.check_control("cfA002host")


def test_a_named_file_belongs_whatever_its_number() -> None:
    job = JobFiles("cfA001host", LIMITS)
    job.control = control("weird name")
    job.check_data("weird name")


def test_nothing_comes_twice() -> None:
    job = JobFiles("cfA001host", LIMITS)
    job.control = control("dfA001host", "dfB001host")
    with pytest.raises(RemoteProtocolError, match="already"):
        job.check_control("cfA001host")
    job.data_files.append("dfA001host")
    with pytest.raises(RemoteProtocolError, match="already"):
        job.check_data("dfA001host")


def test_the_number_of_files_is_bounded() -> None:
    job = JobFiles("dfA001host", LprLimits(max_data_files=2))
    job.data_files.append("dfA001host")
    job.check_data("dfB001host")
    job.data_files.append("dfB001host")
    with pytest.raises(RemoteProtocolError, match="too many"):
        job.check_data("dfC001host")


@pytest.mark.parametrize(
    ("name", "number"),
    [("cfA123host", "123"), ("dfB1234567", "123"), ("dfA12", "12"), ("dfAxyzhost", "xyzhost"), ("x", "")],
)
def test_job_numbers(name: str, number: str) -> None:
    assert job_number(name) == number
