"""Spike times in seconds that other programs write beside spike_times.npy, which counts samples of the probe.

TPrime writes spike_times_sec_adj.npy, on the clock to which all streams are aligned; ecephys pipelines write
spike_times_sec.npy, by the measured sampling rate; ALF has spikes.times.npy. Such a file has one value a spike, in the
order of spike_times.npy. What its name says decides which is used (`_rank`), its values decide their unit.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spikebridge.errors import DataError
from spikebridge.errors.messages import did_you_mean, listed
from spikebridge.io.formats.sorting.kinds import files_in

Array = NDArray[np.float64]

SAMPLES = "spike_times.npy"
ADJUSTED = re.compile(r"(?<!un)(?<!not_)adj|(?<!un)aligned|(?<!un)corrected|sync|tprime|^spikes\.times")
EARLIER = re.compile(r"orig|raw|old|backup|uncorrected|unaligned|unadjusted|(?<![a-z])un_")
SECONDS = re.compile(r"sec|(?<![a-z])s(?![a-z])")
SAME_S = 0.5e-3
"""Two files that differ by less say the same."""
NEARLY = 0.02
"""A measured sampling rate is at most this part off the nominal one, by far."""


@dataclass(frozen=True)
class Source:
    """The times that are used, seconds, and the file they are from."""

    times: Array
    file: str


def time_files(path: Path) -> list[Path]:
    """The files of a folder that may hold times of the spikes, without spike_times.npy itself."""
    return [p for p in files_in(path) if p.name != SAMPLES and _may_hold_times(p.name.lower())]


def adjusted_times(path: Path, asked: str, samples: Array, rate: float | None, notes: list[str]) -> Source | None:
    """Times from another file than spike_times.npy; None where that is to be used. Says in the notes what was done.

    asked: `data.options.spike_times`: auto, samples, or the name of a file. samples: (spike,). rate: in Hz, None where
    nothing says it.

    Raises DataError where the named file is not there or holds no times of these spikes, or where several disagree.
    """
    files = time_files(path)
    if asked not in ("auto", "samples"):
        return _named(path, asked, files, samples, rate, notes)
    read = {p.name: _read(p, samples, rate) for p in files}
    found = {name: one for name, one in read.items() if isinstance(one, np.ndarray)}
    best = min((_rank(name) for name in found), default=2)
    used = [name for name in found if _rank(name) == best] if best < 2 and asked == "auto" else []
    if len(used) > 1 and any(_most(found[used[0]] - found[other]) > SAME_S for other in used[1:]):
        apart = max(_most(found[used[0]] - found[other]) for other in used[1:])
        raise DataError(
            f"{path}: {listed(used)} hold times of the same spikes that differ by up to {apart:.4g} s: name the file "
            f"whose clock the trials have in data.options: {{spike_times: {used[0]}}}"
        )
    for name, one in read.items():
        if isinstance(one, str):
            notes.append(f"{name} is not used: {one}")
        elif name not in used and not (used and _most(one - found[used[0]]) <= SAME_S):
            by = "" if rate is None else f"; its times are {_apart(one - samples / rate)} those of {SAMPLES}"
            notes.append(f"{name} is not used{by}; data.options: {{spike_times: {name}}} takes the times from it")
    if not used:
        return None
    return _used(Source(found[used[0]], used[0]), samples, rate, notes)


def _named(
    path: Path, asked: str, files: list[Path], samples: Array, rate: float | None, notes: list[str]
) -> Source | None:
    if asked == SAMPLES:
        return None
    file = path / asked
    if file.parent != path or not file.is_file():
        known = ["auto", "samples", *(p.name for p in files)]
        raise DataError(
            f"{path}: data.options.spike_times: expected auto, samples, or a file of this folder; there is no "
            f"{asked!r}{did_you_mean(asked, known)} Files with times: {listed(p.name for p in files)}"
        )
    times = _read(file, samples, rate)
    if isinstance(times, str):
        raise DataError(f"{path}: data.options.spike_times = {asked!r}: {times}")
    return _used(Source(times, asked), samples, rate, notes)


def _used(source: Source, samples: Array, rate: float | None, notes: list[str]) -> Source:
    by = ""
    if rate is not None:
        apart = _apart(source.times - samples / rate)
        by = f": they are {apart} those of {SAMPLES} at {rate:.10g} Hz, which are not used"
    notes.append(f"spike times are those of {source.file}{by}")
    return source


def _may_hold_times(name: str) -> bool:
    return name.endswith(".npy") and "spike" in name and ("time" in name or "sec" in name)


def _rank(name: str) -> int:
    """0: on the clock of the session; 1: in seconds; 2: who knows."""
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
        if abs(own / factor / (span / rate) - 1) <= NEARLY:
            return times / factor
    return (
        f"its values reach over {own:.6g}, those of {SAMPLES} over {span / rate:.6g} s at {rate:.10g} Hz: they are "
        "neither seconds, milliseconds nor samples of the same spikes"
    )


def _most(difference: Array) -> float:
    return float(np.nanmax(np.abs(difference), initial=0.0))


def _apart(difference: Array) -> str:
    """'12 to 11.9 s after', '0.1 s before or after'."""
    low, high = float(np.nanmin(difference, initial=np.inf)), float(np.nanmax(difference, initial=-np.inf))
    if _most(difference) <= SAME_S:
        return "within 0.5 ms of"
    if low >= 0 or high <= 0:
        near, far = sorted((abs(low), abs(high)))
        return f"{near:.4g} to {far:.4g} s {'after' if low >= 0 else 'before'}"
    return f"up to {-low:.4g} s before and {high:.4g} s after"
