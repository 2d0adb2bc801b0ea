"""Which files of one LPR job have come, and when the job is whole."""

from protocols.errors import RemoteProtocolError
from protocols.limits import LprLimits
from protocols.lpr.control_file import ControlFile

# "cfA" or "dfA" and then the job number, which RFC 1179 6.2 makes three digits.
_NUMBER_START = 3
_NUMBER_DIGITS = 3


class JobFiles:
    """Collects the files of one job.

    A job is whole when its control file has come and as many data files as that names (one, if it names
    none). Files belong together by job number: host names differ between a client's control file name, its
    data file names and its own lines, and within one connection the number is enough.
    """

    control: ControlFile | None = None

    def __init__(self, first: str, limits: LprLimits) -> None:
        self._limits = limits
        self.number = job_number(first)
        self.data_files: list[str] = []

    @property
    def whole(self) -> bool:
        """Return whether nothing is missing any more."""
        return self.control is not None and len(self.data_files) >= max(1, len(self.control.documents))

    def check_control(self, name: str) -> None:
        """Refuse a control file that does not belong here, before its bytes come.

        Raises:
            RemoteProtocolError: a second one, or another job's.
        """
        if self.control is not None:
            raise RemoteProtocolError("the job has a control file already", status_hint=1)
        self._check_number(name)

    def check_data(self, name: str) -> None:
        """Refuse a data file that does not belong here, before its bytes come.

        Raises:
            RemoteProtocolError: the same once more, too many, or another job's.
        """
        if name in self.data_files:
            raise RemoteProtocolError("the data file was sent already", status_hint=1)
        if len(self.data_files) >= self._limits.max_data_files:
            raise RemoteProtocolError("too many data files", status_hint=1)
        named = self.control.documents if self.control is not None else ()
        if not any(document.data_file == name for document in named):
            self._check_number(name)

    def _check_number(self, name: str) -> None:
        if job_number(name) != self.number:
            raise RemoteProtocolError("the file belongs to another job", status_hint=1)


def job_number(name: str) -> str:
    """Return the job number in a file name; names without one are compared as a whole behind their prefix."""
    number = name[_NUMBER_START : _NUMBER_START + _NUMBER_DIGITS]
    if len(number) == _NUMBER_DIGITS and number.isascii() and number.isdigit():
        return number
    return name[_NUMBER_START:]
