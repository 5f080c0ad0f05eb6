"""Characters in names that are not seen, or that change how a name is read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from spikebridge.errors.findings import Finding
from spikebridge.errors.messages import listed
from spikebridge.io.contents import NAME
from spikebridge.io.validation.subject import Subject
from spikebridge.labels.trial_labels import label_names
from spikebridge.text.plain_text import forbidden_character


def check_characters(subject: Subject) -> Iterator[Finding]:
    """Names of the recording and its animal, of units and their columns."""
    recording, units = subject.recording, subject.recording.units
    yield from _refused("the name of the recording", [recording.name])
    yield from _refused("the name of the animal", [recording.animal])
    yield from _refused("units: the name of a column", map(str, units.columns))
    if NAME in units:
        yield from _refused("units: the name of a unit", label_names(units[NAME]).tolist())


def check_region_characters(subject: Subject) -> Iterator[Finding]:
    yield from _refused("units: a region", map(str, subject.recording.units["region"]))


def check_trial_characters(subject: Subject) -> Iterator[Finding]:
    """Columns of the trial table and the labels of the trials that are used."""
    table = subject.recording.trials
    yield from _refused(f"table {subject.trials.table!r}: the name of a column", map(str, table.columns))
    if subject.labels is not None:
        yield from _refused("trials.label: a class", subject.labels[subject.usable].tolist())
    for name in subject.trials.covariates:
        if name in table and len(table) and table[name].dtype == object:
            yield from _refused(f"trials.covariates: a value of column {name!r}", label_names(table[name]).tolist())


def check_series_characters(subject: Subject) -> Iterator[Finding]:
    yield from _refused("behaviour: the name of a series", map(str, subject.recording.behavior["series"].unique()))


def _refused(what: str, names: Iterable[str]) -> Iterator[Finding]:
    bad = [f"{name!r} ({said})" for name in dict.fromkeys(names) if (said := forbidden_character(name))]
    if bad:
        yield Finding.error(
            "unseen-characters",
            what,
            f"{what} holds characters that cannot be seen or that turn the text: {listed(bad, 5)}; rename it",
        )
