"""What the kernel counts of TCP and of the interfaces, in this network namespace."""

from __future__ import annotations

from .procfs import PROC, KeptFile

COUNTERS = {
    "snmp": {
        "ActiveOpens": "active_opens",
        "PassiveOpens": "passive_opens",
        "AttemptFails": "attempt_fails",
        "EstabResets": "estab_resets",
        "CurrEstab": "curr_estab",  # a state, not a count: ESTABLISHED and CLOSE_WAIT now
        "InSegs": "in_segs",
        "OutSegs": "out_segs",
        "RetransSegs": "retrans_segs",
        "OutRsts": "out_rsts",
    },
    "netstat": {
        "TW": "time_wait_ended",
        "TWRecycled": "time_wait_reused",
        "TCPTimeWaitOverflow": "time_wait_overflow",
        "ListenOverflows": "listen_overflows",
        "ListenDrops": "listen_drops",
        "TCPTimeouts": "timeouts",
        "TCPSynRetrans": "syn_retrans",
        "TCPLostRetransmit": "lost_retransmits",
        "TCPBacklogDrop": "backlog_drops",
        "TCPReqQFullDrop": "request_queue_full_drops",
        "TCPAbortOnMemory": "aborts_on_memory",
    },
}
"""The kernel's names and ours; all but ``curr_estab`` count up since boot."""
SECTIONS = {"snmp": b"Tcp:", "netstat": b"TcpExt:"}


class TcpCounters:
    """Reads /proc/net/snmp and netstat, whose columns differ from kernel to kernel but not between two readings."""

    def __init__(self, proc: str = PROC) -> None:
        """Find the columns. Raises ``OSError``."""
        self._columns: list[tuple[KeptFile, bytes, list[tuple[int, str]]]] = []
        for name, wanted in COUNTERS.items():
            file = KeptFile(f"{proc}/net/{name}", 8192)
            prefix = b"\n" + SECTIONS[name] + b" "
            head = _lines(file.read(), prefix)[0].decode().split()
            columns = [(head.index(kernel), ours) for kernel, ours in wanted.items() if kernel in head]
            self._columns.append((file, prefix, columns))

    def sample(self) -> dict[str, int]:
        """Return the counters that this kernel has."""
        counters = {}
        for file, prefix, columns in self._columns:
            values = _lines(file.read(), prefix)[1].split()
            for column, name in columns:
                counters[name] = int(values[column])
        return counters


def _lines(data: bytes, prefix: bytes) -> tuple[bytes, bytes]:
    """Return what follows the prefix in its two lines: the names and the values."""
    data = b"\n" + data
    first = data.index(prefix)
    second = data.index(prefix, first + 1)
    return (
        data[first + len(prefix) : data.index(b"\n", first + 1)],
        data[second + len(prefix) : data.index(b"\n", second + 1)],
    )


RX_BYTES, RX_PACKETS, RX_ERRORS, RX_DROPS = 0, 1, 2, 3
TX_BYTES, TX_PACKETS, TX_ERRORS, TX_DROPS = 8, 9, 10, 11


class Interfaces:
    """The interfaces' counters, from /proc/net/dev at half of psutil.net_io_counters' cost."""

    def __init__(self, proc: str = PROC) -> None:
        """Take the root of the process file system. Raises ``OSError``."""
        self._file = KeptFile(f"{proc}/net/dev", 4096)

    def sample(self) -> dict[str, dict[str, int]]:
        """Return bytes, packets, drops and errors of each interface since it came up; ``lo`` carries app to Redis."""
        rows = {}
        for line in self._file.read_pieces().split(b"\n")[2:-1]:
            name, _, text = line.partition(b":")
            values = text.split()
            rows[name.strip().decode()] = {
                "rx_bytes": int(values[RX_BYTES]),
                "tx_bytes": int(values[TX_BYTES]),
                "rx_packets": int(values[RX_PACKETS]),
                "tx_packets": int(values[TX_PACKETS]),
                "rx_drops": int(values[RX_DROPS]),
                "tx_drops": int(values[TX_DROPS]),
                "errors": int(values[RX_ERRORS]) + int(values[TX_ERRORS]),
            }
        return rows
