"""Runs ingest, preprocess and split with a proposal, as a trial. Nothing stays on disk.

Each recording is read, checked and cut in a child process, and its windows lie in a temporary folder, so that memory
does not grow with the number of recordings.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from spikebridge.config import Config
from spikebridge.errors import DataError, SpikebridgeError
from spikebridge.errors.findings import Finding
from spikebridge.inspection.opened import Opened
from spikebridge.inspection.records import Trial
from spikebridge.io import choose, read_in_child_process
from spikebridge.io.discovery import read_source
from spikebridge.io.ingest import checked_recording
from spikebridge.preprocess import classes_of, filters_said, filters_summed, make_windows, select_trials
from spikebridge.splits import make_splits
from spikebridge.types import Recording, Windows

MOST_SPIKES = 50_000_000
"""Over all recordings; of more, windows are not cut, only the trials are looked at."""


@dataclass(frozen=True)
class Tried:
    """recording: with its first and last spike alone. kept: units by side. filters: what each filter of units did, as
    preprocess reports it. wrong: why there are no windows."""

    recording: Recording
    warnings: tuple[Finding, ...]
    kept: Counter[tuple[str, str]]
    filters: Sequence[Mapping[str, Any]] = ()
    wrong: str = ""


def rehearse(opened: Sequence[Opened], config: Config) -> tuple[Trial, dict[str, tuple[Finding, ...]]]:
    """What came of it, and the warnings of each recording."""
    problems: list[str] = []
    warnings: dict[str, tuple[Finding, ...]] = {}
    small = sum(o.look.spikes.number for o in opened if o.look.spikes) <= MOST_SPIKES
    classes = _classes(opened, config) if small else ()
    with tempfile.TemporaryDirectory() as folder:
        tried: list[Tried] = []
        for one in opened:
            try:
                tried.append(
                    read_in_child_process(partial(_try, one, config, classes, Path(folder)), one.entry, config.data)
                )
                warnings[one.look.name] = tried[-1].warnings
            except SpikebridgeError as error:
                problems.append(str(error))
                if isinstance(error, DataError):
                    warnings[one.look.name] = error.warnings
        if problems:
            return Trial(False, ("ingest",), tuple(problems)), warnings
        try:
            looked = _look([t.recording for t in tried], config)
            return (_cut(tried, looked, config, classes, Path(folder)) if small else looked), warnings
        except SpikebridgeError as error:
            return Trial(False, ("ingest", "preprocess"), tuple(str(error).splitlines())), warnings


def _classes(opened: Sequence[Opened], config: Config) -> tuple[str, ...]:
    """Classes by the trials alone; none where something is wrong with these, which is said later."""
    try:
        chosen = (choose(one.outline, config.data, config.trials).recording for one in opened)
        return classes_of(list(chosen), config.trials)
    except SpikebridgeError:
        return ()


def _try(one: Opened, config: Config, classes: tuple[str, ...], folder: Path) -> Tried:
    """Read, check, and cut into windows in the folder, where classes are known. Raises what ingest would raise."""
    contents = one.contents or read_source(one.entry, config.data, config.trials.times)
    recording = checked_recording(contents, config)
    warnings = recording.warnings
    done = Tried(replace(recording, spikes=one.outline.spikes, behavior=one.outline.behavior), warnings, Counter())
    if not classes:
        return done
    try:
        windows, report = make_windows(recording, config, classes)
    except SpikebridgeError as error:
        return replace(done, wrong=str(error))
    windows.save(folder / f"{one.look.name}.npz")
    counts = ((role, c) for role, regions in report["units"].items() for c in regions.values())
    return replace(
        done,
        warnings=(*warnings, *map(Finding.from_dict, report["quality"]["warnings"])),
        kept=sum((Counter(_unit_counts(role, c)) for role, c in counts), Counter()),
        filters=report["quality"]["filters"],
    )


def _look(recordings: Sequence[Recording], config: Config) -> Trial:
    """Trials and classes alone."""
    classes_of(recordings, config.trials)
    chosen = {r.name: select_trials(r, config.trials) for r in recordings}
    kept = {name: (len(c.trial), c.total) for name, c in chosen.items()}
    labels = Counter(label for c in chosen.values() for label in c.label.tolist())
    return Trial(True, ("ingest",), kept=kept, labels=labels)


def _cut(tried: Sequence[Tried], looked: Trial, config: Config, classes: tuple[str, ...], folder: Path) -> Trial:
    """What the stages preprocess and split make of the windows in the folder."""
    if wrong := next((t.wrong for t in tried if t.wrong), ""):
        raise DataError(wrong)
    made = [Windows.load(folder / f"{t.recording.name}.npz", in_place=True) for t in tried]
    units = sum((t.kept for t in tried), Counter())
    done = Trial(
        runs=True,
        stages=("ingest", "preprocess"),
        kept=looked.kept,
        labels={name: looked.labels.get(name, 0) for name in classes},
        filters=tuple(filters_said(filters_summed([t.filters for t in tried]))),
        units={role: (units[role, "kept"], units[role, "all"]) for role in ("source", "target")},
    )
    try:
        make_splits(made, config.split, animals={t.recording.name: t.recording.animal for t in tried})
    except SpikebridgeError as error:
        return replace(done, runs=False, stages=(*done.stages, "split"), problems=(str(error),))
    return replace(done, stages=(*done.stages, "split"))


def _unit_counts(role: str, counts: Mapping[str, int]) -> dict[tuple[str, str], int]:
    return {(role, "kept"): counts["kept"], (role, "all"): counts["kept"] + counts["dropped"]}
