"""Memory and processor time of processes, as Linux says it in /proc."""

from __future__ import annotations

import mmap
import os
from pathlib import Path


def own_memory(pid: int) -> int:
    """Bytes of a process that are no file's; 0 where it has ended."""
    try:
        _, resident, shared, *_ = Path(f"/proc/{pid}/statm").read_text().split()
    except (OSError, ValueError):
        return 0
    return (int(resident) - int(shared)) * mmap.PAGESIZE


def processor_s(pid: int) -> float:
    """Seconds of processor time of a process; 0 where it has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def data_bytes() -> int:
    """What RLIMIT_DATA counts, of this process."""
    return _line_of("/proc/self/status", "VmData:")


def free_bytes() -> int:
    return _line_of("/proc/meminfo", "MemAvailable:")


def _line_of(file: str, key: str) -> int:
    """Bytes, from a line of kB."""
    try:
        lines = Path(file).read_text().splitlines()
    except OSError:  # of a process that gave up its rights
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(key)), 0)
