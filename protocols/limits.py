"""Bounds that every parser takes: sizes, counts, depths and times, each with its reason."""

from dataclasses import dataclass

KIB = 1024
MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class IppLimits:
    """Bounds on one IPP message, document bytes excluded."""

    # The largest honest message seen (all Printer attributes and the media database) is 60 KiB.
    max_message_bytes: int = 1 * MIB
    # RFC 8010 3.1.1 lets a message have any number of groups; a printer's answer to Get-Jobs has one a job.
    max_groups: int = 5_000
    # Client requests carry tens of attributes, printers' answers a few hundred; a media database of
    # 300 KiB has some ten thousand members. Reading this many takes less than 20 ms.
    max_attributes: int = 10_000
    # Values, and the marks that collections are built with: twice the members, for the same reason.
    max_values: int = 20_000
    # media-col-database needs 3 levels; 8 leaves room without inviting bombs.
    max_depth: int = 8


@dataclass(frozen=True, slots=True)
class HttpLimits:
    """Bounds on one HTTP connection and its requests."""

    max_head_bytes: int = 16 * KIB
    max_fields: int = 100
    max_target_bytes: int = 2 * KIB
    # Document bodies are bounded by the site's own limit; this is the last line of defence.
    max_body_bytes: int = 16 * 1024 * MIB
    handshake_timeout_s: float = 10.0
    head_timeout_s: float = 10.0
    idle_timeout_s: float = 30.0
    # A body slower than this over the window is a slow-loris, not a slow network.
    min_body_bytes_per_s: int = 1 * KIB
    body_rate_window_s: float = 30.0
    write_timeout_s: float = 30.0
    max_connections: int = 10_240
    max_connections_per_address: int = 1_024
    # Every piece costs a turn of the loop and a seal of its own: a quarter less work than at 256 KiB.
    receive_bytes: int = 1 * MIB


@dataclass(frozen=True, slots=True)
class LprLimits:
    """Bounds on one LPR connection (RFC 1179 states none)."""

    max_control_file_bytes: int = 64 * KIB
    # Each copy may be a line of its own, and so may each file's name: 999 copies, and a few dozen files.
    max_control_lines: int = 1_200
    max_line_bytes: int = 255
    max_command_bytes: int = 1 * KIB
    max_data_files: int = 52
    # A data file's own bound is the site's document limit; this is the last line of defence.
    max_data_bytes: int = 16 * 1024 * MIB
    idle_timeout_s: float = 60.0
    # A client that does not send the zero byte behind a file waits for its answer by now; the others have
    # sent it together with the file.
    end_mark_timeout_s: float = 2.0
    # A quarter of them is one address's share (a print server's with hundreds of queues).
    max_connections: int = 1_024


@dataclass(frozen=True, slots=True)
class PjlLimits:
    """Bounds on the PJL around one document."""

    # Drivers write a job's whole ticket or a title in an 8-bit alphabet into one command.
    max_line_bytes: int = 4 * KIB
    # The wordiest driver seen writes 6 KiB before the document.
    max_command_bytes: int = 64 * KIB


@dataclass(frozen=True, slots=True)
class CompressionLimits:
    """Bounds on one compressed document; how large it may be in the end is the receiver's own limit."""

    # What one call may give out: a bomb never costs more memory than this, or more time than 1 ms in one go.
    max_piece_bytes: int = 256 * KIB
    # Blank raster pages shrink a hundredfold and more, so the ratio only counts beyond this much plaintext.
    free_bytes: int = 16 * MIB
    # Honest documents of more than that shrink tenfold; DEFLATE's own bound is 1032 (zlib's FAQ).
    max_ratio: int = 100
    # DEFLATE adds 5 bytes to every 64 KiB it cannot shrink; empty blocks without end add nothing else.
    max_overhead_bytes: int = 64 * KIB
