"""Delimiter and value tags: the one byte that opens every group and value (RFC 8010 section 3.5)."""

from enum import IntEnum


class GroupTag(IntEnum):
    """Tags that open an attribute group (RFC 8010 3.5.1 and the IANA registry)."""

    OPERATION = 0x01
    JOB = 0x02
    END = 0x03
    PRINTER = 0x04
    UNSUPPORTED = 0x05
    SUBSCRIPTION = 0x06  # RFC 3995
    EVENT_NOTIFICATION = 0x07  # RFC 3995
    RESOURCE = 0x08  # PWG 5100.22
    DOCUMENT = 0x09  # PWG 5100.5
    SYSTEM = 0x0A  # PWG 5100.22


class ValueTag(IntEnum):
    """Tags that say how a value is encoded (RFC 8010 3.5.2)."""

    # Out-of-band: the tag is the whole value.
    UNSUPPORTED = 0x10
    UNKNOWN = 0x12
    NO_VALUE = 0x13
    NOT_SETTABLE = 0x15  # RFC 3380
    DELETE_ATTRIBUTE = 0x16  # RFC 3380
    ADMIN_DEFINE = 0x17  # RFC 3380
    # Numbers.
    INTEGER = 0x21
    BOOLEAN = 0x22
    ENUM = 0x23
    # Octet strings with a structure of their own.
    OCTET_STRING = 0x30
    DATE_TIME = 0x31
    RESOLUTION = 0x32
    RANGE_OF_INTEGER = 0x33
    BEGIN_COLLECTION = 0x34
    TEXT_WITH_LANGUAGE = 0x35
    NAME_WITH_LANGUAGE = 0x36
    END_COLLECTION = 0x37
    # Character strings.
    TEXT_WITHOUT_LANGUAGE = 0x41
    NAME_WITHOUT_LANGUAGE = 0x42
    KEYWORD = 0x44
    URI = 0x45
    URI_SCHEME = 0x46
    CHARSET = 0x47
    NATURAL_LANGUAGE = 0x48
    MIME_MEDIA_TYPE = 0x49
    MEMBER_NAME = 0x4A
    # The next four octets hold the real tag; nothing has been registered there yet.
    EXTENSION = 0x7F


FIRST_VALUE_TAG = 0x10
"""Every tag below is a delimiter."""

OUT_OF_BAND_END = 0x20
"""Tags from FIRST_VALUE_TAG up to here (exclusive) are out-of-band."""

OUT_OF_BAND_TAGS = frozenset(
    {
        ValueTag.UNSUPPORTED,
        ValueTag.UNKNOWN,
        ValueTag.NO_VALUE,
        ValueTag.NOT_SETTABLE,
        ValueTag.DELETE_ATTRIBUTE,
        ValueTag.ADMIN_DEFINE,
    }
)

STRING_TAGS = frozenset(
    {
        ValueTag.TEXT_WITHOUT_LANGUAGE,
        ValueTag.NAME_WITHOUT_LANGUAGE,
        ValueTag.KEYWORD,
        ValueTag.URI,
        ValueTag.URI_SCHEME,
        ValueTag.CHARSET,
        ValueTag.NATURAL_LANGUAGE,
        ValueTag.MIME_MEDIA_TYPE,
    }
)
"""Tags whose value is nothing but characters."""
