"""Reads the clock of a sorting from files of the acquisition system: measured sampling rate, start of the recording.

Kilosort and Phy count samples from the start of a binary file, at a nominal rate. SpikeGLX writes the calibrated rate
into <run>.ap.meta; Open Ephys writes sample_numbers.npy and timestamps.npy beside continuous.dat, and sync_messages.txt
above: its events count from the start of acquisition, not of the recording. A rate that is 0.01 % off moves spikes by
0.36 s in an hour. Nothing is changed here: a note gives the numbers and the setting.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

MIN_APART_S = 0.5e-3
"""At the last spike; a smaller difference is not worth a note."""
NEAR = 1e-3
"""A measured rate is at most this part off the nominal one."""
MAX_LEVELS = 5
"""Folders above in which sync_messages.txt may lie: <recording>/continuous/<stream>/kilosort4."""
META_RATE = re.compile(r"^(?:im|ni|ob)SampRate=([0-9.eE+]+)\s*$", re.MULTILINE)
START = (
    re.compile(r"start time:\s*(?P<start>\d+)\s*@\s*(?P<rate>[0-9.]+)\s*Hz", re.IGNORECASE),
    re.compile(r"start time for .*@\s*(?P<rate>[0-9.]+)\s*Hz:\s*(?P<start>\d+)", re.IGNORECASE),
)
MAX_BYTES = 1 << 20


@dataclass(frozen=True)
class Said:
    """What one file says. rate_hz, start_s: None where it does not say it. rate_hz: measured."""

    file: str
    rate_hz: float | None = None
    start_s: float | None = None


def clock_notes(path: Path, rate: float, last_sample: float, trials: pd.DataFrame | None) -> list[str]:
    """Notes on a sorting in the folder `path`, whose times are samples / rate.

    last_sample: of the last spike. trials: the trial table; where a trial starts before the recording did, trials do
    not count from the start of acquisition, and nothing is said of that.
    """
    said = [s for s in _said(path, rate) if s.rate_hz is None or abs(s.rate_hz / rate - 1) <= NEAR]
    notes = []
    measured = next((s for s in said if s.rate_hz is not None), None)
    if measured is not None and measured.rate_hz is not None:
        apart = abs(last_sample / rate - last_sample / measured.rate_hz)
        if apart > MIN_APART_S:
            notes.append(
                f"{measured.file} gives a measured sampling rate of {measured.rate_hz:.10g} Hz, spike times are taken "
                f"at {rate:.10g} Hz: the last is {apart:.3g} s off; "
                f"data.options: {{sampling_rate_hz: {measured.rate_hz:.10g}}} uses the measured rate"
            )
    starts = next((s for s in said if s.start_s), None)
    if starts is not None and starts.start_s is not None and _may_count_from_acquisition(trials, starts.start_s):
        notes.append(
            f"{starts.file}: the recording started {starts.start_s:.6f} s after acquisition, and spike times count "
            "from the start of the recording. Where times of trials are those of Open Ephys events, set data.offset_s: "
            f"{{spikes: {starts.start_s:.6f}}}"
        )
    return notes


def _may_count_from_acquisition(trials: pd.DataFrame | None, start_s: float) -> bool:
    if trials is None or "start_time" not in trials or not len(trials):
        return True
    return bool(np.nanmin(trials["start_time"].to_numpy(dtype=np.float64), initial=np.inf) >= start_s)


def _said(path: Path, rate: float) -> Iterator[Said]:
    folder = path.absolute()
    for place in (folder, folder.parent):
        yield from _spikeglx(place)
        yield from _open_ephys_arrays(place, rate)
    for place in (folder, *folder.parents[:MAX_LEVELS]):
        if found := _sync_messages(place / "sync_messages.txt", rate):
            yield found
            return


def _spikeglx(folder: Path) -> Iterator[Said]:
    """Of the one .ap.meta file of a folder, or of several that say the same."""
    files = sorted(p for p in folder.glob("*.meta") if not p.name.endswith(".lf.meta"))
    rates = {p: float(m[1]) for p in files if (m := META_RATE.search(_text(p)))}
    ap = {p: r for p, r in rates.items() if ".ap." in p.name} or rates
    if len(set(ap.values())) == 1:
        file, rate = next(iter(ap.items()))
        yield Said(file.name, rate_hz=rate)


def _open_ephys_arrays(folder: Path, rate: float) -> Iterator[Said]:
    """Of sample_numbers.npy (whole numbers) and timestamps.npy (seconds; whole numbers in old versions)."""
    if not (folder / "continuous.dat").exists() and not (folder / "sample_numbers.npy").is_file():
        return
    for name in ("timestamps.npy", "sample_numbers.npy"):
        if not (folder / name).is_file():
            continue
        try:
            values = np.load(folder / name, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError, EOFError):
            continue
        if values.ndim != 1 or len(values) < 2 or values.dtype.kind not in "iuf":
            continue
        first, last = float(values[0]), float(values[-1])
        if values.dtype.kind == "f" and last > first >= 0:
            yield Said(name, rate_hz=(len(values) - 1) / (last - first), start_s=first)
        elif values.dtype.kind in "iu":
            yield Said(name, start_s=first / rate)


def _sync_messages(file: Path, rate: float) -> Said | None:
    """The start of the streams of this sampling rate, where they have one."""
    found = [m for pattern in START for m in pattern.finditer(_text(file))]
    starts = {float(m["start"]) for m in found if abs(float(m["rate"]) / rate - 1) <= NEAR}
    return Said(file.name, start_s=starts.pop() / rate) if len(starts) == 1 else None


def _text(file: Path) -> str:
    """The beginning of a text file; empty where it cannot be read."""
    try:
        if not file.is_file():
            return ""
        with open(file, encoding="utf-8", errors="replace") as handle:
            return handle.read(MAX_BYTES)
    except OSError:
        return ""
