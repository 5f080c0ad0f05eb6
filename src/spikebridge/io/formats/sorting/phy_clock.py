"""The clock of the spike times of Phy and Kilosort, which count samples of a binary file at a nominal rate.

Other programs write times in seconds beside spike_times.npy. TPrime writes spike_times_sec_adj.npy, on the clock to
which all streams are aligned; ecephys pipelines write spike_times_sec.npy, by the measured sampling rate; ALF has
spikes.times.npy. Such a file has one value a spike, in the order of spike_times.npy. Its name decides whether it is
used (`_rank`), its values decide their unit.

Acquisition systems write the measured rate and the start of the recording. SpikeGLX writes the calibrated rate into
<run>.ap.meta; Open Ephys writes sample_numbers.npy and timestamps.npy beside continuous.dat, and sync_messages.txt
above: its events count from the start of acquisition, not of the recording. A rate that is 0.01 % off moves spikes by
0.36 s in an hour. These files change no time: a note gives the numbers and the setting.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikebridge.errors import DataError
from spikebridge.errors.findings import Finding
from spikebridge.errors.messages import did_you_mean, listed
from spikebridge.io.formats.sorting.detection import visible_files

Array = NDArray[np.float64]
SAMPLES = "spike_times.npy"
ADJUSTED = re.compile(r"(?<!un)(?<!not_)adj|(?<!un)aligned|(?<!un)corrected|sync|tprime|^spikes\.times")
EARLIER = re.compile(r"orig|raw|old|backup|uncorrected|unaligned|unadjusted|(?<![a-z])un_")
SECONDS = re.compile(r"sec|(?<![a-z])s(?![a-z])")
MAX_SAME_S = 0.5e-3
"""Two files that differ by less say the same."""
MAX_DURATION_ERROR = 0.02
"""Largest relative difference between the durations of two files of the same spikes."""
MIN_DIFFERENCE_S = 0.5e-3
"""At the last spike; a smaller difference is not worth a note."""
MAX_RATE_ERROR = 1e-3
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
class AlignedTimes:
    """The times that are used, seconds, and the file they are from."""

    times: Array
    file: str


def aligned_time_files(path: Path) -> list[Path]:
    """The files of a folder that may hold times of the spikes, without spike_times.npy itself."""
    return [p for p in visible_files(path) if p.name != SAMPLES and _may_hold_times(p.name.lower())]


def aligned_times(
    path: Path, asked: str, samples: Array, rate: float | None, notes: list[Finding]
) -> AlignedTimes | None:
    """Times from another file than spike_times.npy; None where that file is used. Notes say what was done.

    asked: `data.options.spike_times`: auto, samples, or the name of a file. samples: (spike,). rate: in Hz, None where
    it is not known.

    Raises DataError where the named file is not there or holds no times of these spikes, or where several disagree.
    """
    files = aligned_time_files(path)
    if asked not in ("auto", "samples"):
        return _times_of_named_file(path, asked, files, samples, rate, notes)
    read = {p.name: _read(p, samples, rate) for p in files}
    by_file = {name: values for name, values in read.items() if isinstance(values, np.ndarray)}
    best = min((_rank(name) for name in by_file), default=2)
    used = [name for name in by_file if _rank(name) == best] if best < 2 and asked == "auto" else []
    if len(used) > 1 and any(_max_abs(by_file[used[0]] - by_file[other]) > MAX_SAME_S for other in used[1:]):
        apart = max(_max_abs(by_file[used[0]] - by_file[other]) for other in used[1:])
        raise DataError.of(
            "phy-clocks-differ",
            path,
            f"{listed(used)} hold times of the same spikes that differ by up to {apart:.4g} s: name the file "
            f"whose clock the trials have in data.options: {{spike_times: {used[0]}}}",
        )
    for name, values in read.items():
        if isinstance(values, str):
            notes.append(Finding.warning("file-without-spike-times", name, f"{name} is not used: {values}"))
        elif name not in used and not (used and _max_abs(values - by_file[used[0]]) <= MAX_SAME_S):
            by = (
                ""
                if rate is None
                else f"; its times are {_difference_text(values - samples / rate)} those of {SAMPLES}"
            )
            notes.append(
                Finding.warning(
                    "spike-times-not-used",
                    name,
                    f"{name} is not used{by};",
                    f"data.options: {{spike_times: {name}}} takes the times from it",
                )
            )
    if not used:
        return None
    return _note_used(AlignedTimes(by_file[used[0]], used[0]), samples, rate, notes)


def _times_of_named_file(
    path: Path, asked: str, files: list[Path], samples: Array, rate: float | None, notes: list[Finding]
) -> AlignedTimes | None:
    if asked == SAMPLES:
        return None
    file = path / asked
    if file.parent != path or not file.is_file():
        known = ["auto", "samples", *(p.name for p in files)]
        raise DataError.of(
            "phy-clock-file-unknown",
            path,
            f"data.options.spike_times: expected auto, samples, or a file of this folder; there is no "
            f"{asked!r}{did_you_mean(asked, known)} Files with times: {listed(p.name for p in files)}",
        )
    times = _read(file, samples, rate)
    if isinstance(times, str):
        raise DataError.of("phy-clock-file-not-usable", path, f"data.options.spike_times = {asked!r}: {times}")
    return _note_used(AlignedTimes(times, asked), samples, rate, notes)


def _note_used(source: AlignedTimes, samples: Array, rate: float | None, notes: list[Finding]) -> AlignedTimes:
    by = ""
    if rate is not None:
        apart = _difference_text(source.times - samples / rate)
        by = f": they are {apart} those of {SAMPLES} at {rate:.10g} Hz, which are not used"
    notes.append(Finding.warning("spike-times-from-file", source.file, f"spike times are those of {source.file}{by}"))
    return source


def _may_hold_times(name: str) -> bool:
    return name.endswith(".npy") and "spike" in name and ("time" in name or "sec" in name)


def _rank(name: str) -> int:
    """0: on the clock of the session; 1: in seconds; 2: unknown."""
    name = name.lower()
    if EARLIER.search(name):
        return 2
    return 0 if ADJUSTED.search(name) else 1 if SECONDS.search(name.removesuffix(".npy")) else 2


def _read(file: Path, samples: Array, rate: float | None) -> Array | str:
    """(spike,), seconds; or why these are no times of the spikes."""
    try:
        values = np.load(file, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        return f"it cannot be read as an array ({error})"
    if values.dtype.kind not in "iuf" or values.size != len(samples) or values.size != max(values.shape, default=1):
        return f"expected one number for each of {len(samples)} spikes, got {values.dtype} of shape {values.shape}"
    times = values.ravel().astype(np.float64)
    if rate is None:
        whole = bool((times == np.rint(times)).all())
        return "it holds whole numbers, and the sampling rate is not known" if whole else times
    return _in_seconds(times, samples, rate)


def _in_seconds(times: Array, samples: Array, rate: float) -> Array | str:
    """Seconds, milliseconds or samples, whichever makes the values last as long as the samples."""
    span, own = float(np.ptp(samples)), float(np.nanmax(times, initial=-np.inf) - np.nanmin(times, initial=np.inf))
    if len(samples) < 2 or not span > 0:
        return times
    for factor in (1.0, 1000.0, rate):
        if abs(own / factor / (span / rate) - 1) <= MAX_DURATION_ERROR:
            return times / factor
    return (
        f"its values reach over {own:.6g}, those of {SAMPLES} over {span / rate:.6g} s at {rate:.10g} Hz: they are "
        "neither seconds, milliseconds nor samples of the same spikes"
    )


def _max_abs(difference: Array) -> float:
    return float(np.nanmax(np.abs(difference), initial=0.0))


def _difference_text(difference: Array) -> str:
    """'12 to 11.9 s after', '0.1 s before or after'."""
    low, high = float(np.nanmin(difference, initial=np.inf)), float(np.nanmax(difference, initial=-np.inf))
    if _max_abs(difference) <= MAX_SAME_S:
        return "within 0.5 ms of"
    if low >= 0 or high <= 0:
        near, far = sorted((abs(low), abs(high)))
        return f"{near:.4g} to {far:.4g} s {'after' if low >= 0 else 'before'}"
    return f"up to {-low:.4g} s before and {high:.4g} s after"


@dataclass(frozen=True)
class AcquisitionClock:
    """The clock as one file describes it. rate_hz: measured sampling rate. Both are None if the file has none."""

    file: str
    rate_hz: float | None = None
    start_s: float | None = None


def clock_notes(path: Path, rate: float, last_sample: float, trials: pd.DataFrame | None) -> list[Finding]:
    """Notes on a sorting in the folder `path`, whose times are samples / rate.

    last_sample: of the last spike. trials: the trial table; where a trial starts before the recording did, trials do
    not count from the start of acquisition, and there is no note on it.
    """
    clocks = [
        s for s in _acquisition_clocks(path, rate) if s.rate_hz is None or abs(s.rate_hz / rate - 1) <= MAX_RATE_ERROR
    ]
    notes = []
    measured = next((s for s in clocks if s.rate_hz is not None), None)
    if measured is not None and measured.rate_hz is not None:
        apart = abs(last_sample / rate - last_sample / measured.rate_hz)
        if apart > MIN_DIFFERENCE_S:
            notes.append(
                Finding.warning(
                    "measured-sampling-rate",
                    measured.file,
                    f"{measured.file} gives a measured sampling rate of {measured.rate_hz:.10g} Hz, spike times are "
                    f"taken at {rate:.10g} Hz: the last is {apart:.3g} s off;",
                    f"data.options: {{sampling_rate_hz: {measured.rate_hz:.10g}}} uses the measured rate",
                )
            )
    starts = next((s for s in clocks if s.start_s), None)
    if starts is not None and starts.start_s is not None and _may_count_from_acquisition(trials, starts.start_s):
        notes.append(
            Finding.warning(
                "recording-after-acquisition",
                starts.file,
                f"{starts.file}: the recording started {starts.start_s:.6f} s after acquisition, and spike times count "
                "from the start of the recording.",
                "Where times of trials are those of Open Ephys events, set data.offset_s: "
                f"{{spikes: {starts.start_s:.6f}}}",
            )
        )
    return notes


def _may_count_from_acquisition(trials: pd.DataFrame | None, start_s: float) -> bool:
    if trials is None or "start_time" not in trials or not len(trials):
        return True
    return bool(np.nanmin(trials["start_time"].to_numpy(dtype=np.float64), initial=np.inf) >= start_s)


def _acquisition_clocks(path: Path, rate: float) -> Iterator[AcquisitionClock]:
    folder = path.absolute()
    for place in (folder, folder.parent):
        yield from _spikeglx(place)
        yield from _open_ephys_arrays(place, rate)
    for place in (folder, *folder.parents[:MAX_LEVELS]):
        if clock := _sync_messages(place / "sync_messages.txt", rate):
            yield clock
            return


def _spikeglx(folder: Path) -> Iterator[AcquisitionClock]:
    """Of the one .ap.meta file of a folder, or of several that say the same."""
    files = sorted(p for p in folder.glob("*.meta") if not p.name.endswith(".lf.meta"))
    rates = {p: float(m[1]) for p in files if (m := META_RATE.search(_text(p)))}
    ap = {p: r for p, r in rates.items() if ".ap." in p.name} or rates
    if len(set(ap.values())) == 1:
        file, rate = next(iter(ap.items()))
        yield AcquisitionClock(file.name, rate_hz=rate)


def _open_ephys_arrays(folder: Path, rate: float) -> Iterator[AcquisitionClock]:
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
            yield AcquisitionClock(name, rate_hz=(len(values) - 1) / (last - first), start_s=first)
        elif values.dtype.kind in "iu":
            yield AcquisitionClock(name, start_s=first / rate)


def _sync_messages(file: Path, rate: float) -> AcquisitionClock | None:
    """The start of the streams of this sampling rate, where they have one."""
    matches = [m for pattern in START for m in pattern.finditer(_text(file))]
    starts = {float(m["start"]) for m in matches if abs(float(m["rate"]) / rate - 1) <= MAX_RATE_ERROR}
    return AcquisitionClock(file.name, start_s=starts.pop() / rate) if len(starts) == 1 else None


def _text(file: Path) -> str:
    """The beginning of a text file; empty where it cannot be read."""
    try:
        if not file.is_file():
            return ""
        with open(file, encoding="utf-8", errors="replace") as handle:
            return handle.read(MAX_BYTES)
    except OSError:
        return ""
