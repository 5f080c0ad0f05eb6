"""A proposal, tried: what ingest, preprocess and split would say of it, without writing anything."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from spikebridge.config import Config
from spikebridge.errors import DataError, SpikebridgeError
from spikebridge.inspection.opened import Opened
from spikebridge.inspection.records import Trial
from spikebridge.io import check, choose
from spikebridge.io.entries import read_entry
from spikebridge.preprocess import classes_of, filters_said, filters_summed, make_splits, make_windows, select_trials
from spikebridge.types import Recording, Windows

MOST_SPIKES = 50_000_000
"""Over all recordings; of more, windows are not cut, only the trials are looked at."""


def rehearse(opened: Sequence[Opened], config: Config) -> tuple[Trial, dict[str, tuple[str, ...]]]:
    """What came of it, and the warnings of each recording."""
    problems: list[str] = []
    warnings: dict[str, tuple[str, ...]] = {}
    whole = [o for o in opened if o.contents]
    small = len(whole) == len(opened) and sum(o.look.spikes.number for o in opened if o.look.spikes) <= MOST_SPIKES
    recordings = []
    for one in opened:
        try:
            recording, warnings[one.look.name] = _ingest(one, config)
        except SpikebridgeError as error:
            problems.append(str(error))
            if isinstance(error, DataError):
                warnings[one.look.name] = error.warnings
            continue
        recordings.append(recording if small else replace(recording, spikes=one.outline.spikes))
    if problems:
        return Trial(False, ("ingest",), tuple(problems)), warnings
    try:
        return (_cut(recordings, config, warnings) if small else _look(recordings, config)), warnings
    except SpikebridgeError as error:
        return Trial(False, ("ingest", "preprocess"), tuple(str(error).splitlines())), warnings


def _ingest(one: Opened, config: Config) -> tuple[Recording, tuple[str, ...]]:
    contents = one.contents or read_entry(one.entry, config.data, config.trials.times)
    chosen = choose(contents, config.data, config.trials, config.quality)
    return chosen.recording, check(
        chosen.recording,
        config.data,
        config.trials,
        chosen.findings,
        chosen.missing,
        chosen.units_of_time,
        chosen.unused,
    )


def _look(recordings: Sequence[Recording], config: Config) -> Trial:
    """Trials and classes alone."""
    classes_of(recordings, config.trials)
    chosen = {r.name: select_trials(r, config.trials) for r in recordings}
    kept = {name: (len(c.trial), c.total) for name, c in chosen.items()}
    labels = Counter(label for c in chosen.values() for label in c.label.tolist())
    return Trial(True, ("ingest",), kept=kept, labels=labels)


def _cut(recordings: Sequence[Recording], config: Config, warnings: dict[str, tuple[str, ...]]) -> Trial:
    """The stages preprocess and split as they are. What preprocess says of labels joins the warnings."""
    looked = _look(recordings, config)
    classes = classes_of(recordings, config.trials)
    made: list[Windows] = []
    filters = []
    units: Counter[tuple[str, str]] = Counter()
    for recording in recordings:
        windows, report = make_windows(recording, config, classes)
        made.append(windows)
        filters.append(report["quality"]["filters"])
        warnings[recording.name] = (*warnings[recording.name], *report["quality"]["warnings"])
        for role, regions in report["units"].items():
            for counts in regions.values():
                units.update(_unit_counts(role, counts))
    done = Trial(
        runs=True,
        stages=("ingest", "preprocess"),
        kept=looked.kept,
        labels={name: looked.labels.get(name, 0) for name in classes},
        filters=tuple(filters_said(filters_summed(filters))),
        units={role: (units[role, "kept"], units[role, "all"]) for role in ("source", "target")},
    )
    try:
        make_splits(made, config.split, animals={r.name: r.animal for r in recordings})
    except SpikebridgeError as error:
        return replace(done, runs=False, stages=(*done.stages, "split"), problems=(str(error),))
    return replace(done, stages=(*done.stages, "split"))


def _unit_counts(role: str, counts: Mapping[str, int]) -> dict[tuple[str, str], int]:
    return {(role, "kept"): counts["kept"], (role, "all"): counts["kept"] + counts["dropped"]}
