"""Names: regions, classes of the label, and characters that cannot be seen.

The regions that params.yaml asks for must be there, and each region and each class must have one spelling.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping

import pandas as pd

from spikebridge.errors.findings import Finding
from spikebridge.errors.messages import counted, did_you_mean, listed
from spikebridge.io.contents import NAME
from spikebridge.io.validation.checked_recording import CheckedRecording
from spikebridge.labels.trial_labels import (
    MAX_CLASSES,
    Label,
    describe_label,
    label_names,
    label_text,
    spelling_variants,
)
from spikebridge.text.plain_text import forbidden_character

REGION_WITHOUT_UNITS = "region-without-units"
"""The code of the finding that some of several regions have no unit."""


def check_regions(checked: CheckedRecording) -> Iterator[Finding]:
    regions = checked.recording.units["region"]
    present = {str(k): int(v) for k, v in regions.value_counts().items() if str(k)}
    asked = {*checked.data.source, *checked.data.target}
    for role in ("source", "target"):
        yield from _check_role(role, getattr(checked.data, role), present, asked)
    nowhere = int((regions == "").sum())
    if nowhere and present:
        yield Finding.warning(
            "units-without-region",
            "regions",
            f"{nowhere} of {counted(len(regions), 'unit')} without a region, not used",
        )


def _check_role(
    role: str, asked: list[str], present: Mapping[str, int], all_asked: Collection[str]
) -> Iterator[Finding]:
    absent = [r for r in asked if r not in present]
    unused = set(present) - set(all_asked)
    if len(absent) == len(asked):
        hints = [f"{r!r}{did_you_mean(r, unused, '')}" for r in absent]
        has = listed(f"{region!r} ({counted(n, 'unit')})" for region, n in present.items())
        yield Finding.error(
            "no-unit-in-regions",
            f"data.{role}",
            f"no unit in a region of data.{role} = {listed(hints)}; regions here: {has}",
        )
        return
    variants = {v: r for r in asked for v in sorted(unused) if same_region(v) == same_region(r)}
    for variant, region in variants.items():
        yield Finding.error(
            "regions-differ-in-spelling",
            region,
            f"regions {region!r} ({counted(present.get(region, 0), 'unit')}) and {variant!r} "
            f"({counted(present[variant], 'unit')}) differ in spelling alone:",
            f"name both in data.{role}, or correct the file",
        )
    absent = [r for r in absent if r not in variants.values()]
    if absent:
        yield Finding.warning(
            REGION_WITHOUT_UNITS,
            f"data.{role}: {listed(absent)}",
            f"no unit in data.{role} region {listed(absent)}; the others of {role} are here",
        )


def same_region(name: str) -> str:
    """What two spellings of one region have in common: neither case, blanks, hyphens nor underscores."""
    return "".join(c for c in unicodedata.normalize("NFKC", name).casefold() if not c.isspace() and c not in "-_")


MISSING = {"nan", "NaN", "NAN", "None", "null", "NULL", "NA", "N/A", "n/a", "NaT", "<NA>", "#N/A", "[]"}
"""Words by which programs write that there is no value."""


def check_labels(checked: CheckedRecording) -> Iterator[Finding]:
    if checked.labels is None or not len(checked.usable):
        return
    counts = Counter(checked.labels[checked.usable].tolist())
    name, label = label_text(checked.trials.label), checked.trials.label
    where = describe_label(label, checked.recording.trials)
    if len(counts) > MAX_CLASSES:
        yield Finding.error("too-many-classes", "trials.label", _too_many(checked, counts))
        return
    for word in sorted(MISSING & set(counts)):
        yield Finding.error(
            "missing-value-as-class",
            "trials.label",
            f"trials.label: {word!r} in {where} ({counted(counts[word], 'trial')}) reads like a missing value "
            "and would be a class;",
            _way_out(label, word),
        )
    for group in spelling_variants(set(counts) - MISSING):
        several = listed(f"{label!r} ({counted(counts[label], 'trial')})" for label in group)
        yield Finding.error(
            "classes-differ-in-spelling",
            "trials.label",
            f"trials.label: values of {where} differ in spelling alone and would be classes: {several}",
        )
    blank = sorted(label for label in counts if not label.strip())
    if blank:
        yield Finding.error(
            "blank-class",
            "trials.label",
            f"trials.label: {where} holds blanks in {counted(counts[blank[0]], 'trial')}:",
            "leave it empty",
        )
    if len(counts) == 1:
        yield Finding.warning(
            "single-class",
            "trials.label",
            f"all {counted(len(checked.usable), 'trial')} have the {name} {next(iter(counts))!r}",
        )
    for label in sorted(label for label, n in counts.items() if n == 1):
        yield Finding.warning("class-of-one-trial", label, f"only one trial has the {name} {label!r}")


def _way_out(label: Label, word: str) -> str:
    if not isinstance(label, str):
        return "give the class another name"
    column = label if label.isidentifier() else f"`{label}`"
    return f"leave it empty, or add to trials.include: {column} != '{word}'"


def _too_many(checked: CheckedRecording, counts: Counter[str]) -> str:
    table, label = checked.recording.trials, checked.trials.label
    few = [str(c) for c in table if c != label and 2 <= len(set(label_names(table[c])) - {""}) <= MAX_CLASSES]
    numeric = isinstance(label, str) and label in table and pd.api.types.is_numeric_dtype(table[label])
    what = "numbers: a quantity, not a decision" if numeric else "values"
    return (
        f"trials.label: {describe_label(label, table)} holds {len(counts)} different {what}. Expected 2 to "
        f"{MAX_CLASSES} classes; columns that have as many: {listed(few)}"
    )


def check_characters(checked: CheckedRecording) -> Iterator[Finding]:
    """Names of the recording and its animal, of units and their columns."""
    recording, units = checked.recording, checked.recording.units
    yield from _refused("the name of the recording", [recording.name])
    yield from _refused("the name of the animal", [recording.animal])
    yield from _refused("units: the name of a column", map(str, units.columns))
    if NAME in units:
        yield from _refused("units: the name of a unit", label_names(units[NAME]).tolist())


def check_region_characters(checked: CheckedRecording) -> Iterator[Finding]:
    yield from _refused("units: a region", map(str, checked.recording.units["region"]))


def check_trial_characters(checked: CheckedRecording) -> Iterator[Finding]:
    """Columns of the trial table and the labels of the trials that are used."""
    table = checked.recording.trials
    yield from _refused(f"table {checked.trials.table!r}: the name of a column", map(str, table.columns))
    if checked.labels is not None:
        yield from _refused("trials.label: a class", checked.labels[checked.usable].tolist())
    for name in checked.trials.covariates:
        if name in table and len(table) and table[name].dtype == object:
            yield from _refused(f"trials.covariates: a value of column {name!r}", label_names(table[name]).tolist())


def check_series_characters(checked: CheckedRecording) -> Iterator[Finding]:
    yield from _refused("behaviour: the name of a series", map(str, checked.recording.behavior["series"].unique()))


def _refused(what: str, names: Iterable[str]) -> Iterator[Finding]:
    bad = [f"{name!r} ({character})" for name in dict.fromkeys(names) if (character := forbidden_character(name))]
    if bad:
        yield Finding.error(
            "unseen-characters",
            what,
            f"{what} holds characters that cannot be seen or that turn the text: {listed(bad, 5)};",
            "rename it",
        )
