"""What can go wrong between us and a printer, told apart by what may have reached it."""


class IppClientError(Exception):
    """Base of all errors of the IPP client.

    Args:
        message: what happened, in our own words: nothing the printer said is quoted.
        sent_document_bytes: document octets handed to the connection. They may have reached the printer, and
            no more than these. 0 means that no octet of the document can have.
    """

    def __init__(self, message: str, sent_document_bytes: int = 0) -> None:
        super().__init__(message)
        self.sent_document_bytes = sent_document_bytes


class IppConnectError(IppClientError):
    """No connection: nothing of the request was sent."""


class IppCertificateError(IppConnectError):
    """TLS failed on the printer's certificate: it is not the printer we know, or not verifiable."""


class IppTransportError(IppClientError):
    """The exchange broke off after the connection stood; the printer may have acted on the request."""


class IppTimeoutError(IppTransportError):
    """The printer stopped taking the document, or did not answer in time."""


class IppHttpError(IppTransportError):
    """The printer's HTTP side refused.

    Args:
        status: the HTTP status code.
        sent_document_bytes: as in `IppClientError`.
    """

    def __init__(self, status: int, sent_document_bytes: int = 0) -> None:
        super().__init__(f"the printer answered HTTP {status}", sent_document_bytes)
        self.status = status


class IppAnswerError(IppTransportError):
    """The answer is not an IPP message, too large, or to another request."""
