"""Labels of the trials that are asked for: classes, not quantities, each under one name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pandas as pd

from spikebridge.errors.findings import Finding
from spikebridge.errors.messages import counted, listed
from spikebridge.io.validation.subject import Subject
from spikebridge.labels.trial_labels import (
    MAX_CLASSES,
    Label,
    describe_label,
    label_names,
    label_text,
    spelling_variants,
)

MISSING = {"nan", "NaN", "NAN", "None", "null", "NULL", "NA", "N/A", "n/a", "NaT", "<NA>", "#N/A", "[]"}
"""Words by which programs write that there is no value."""


def check_labels(subject: Subject) -> Iterator[Finding]:
    if subject.labels is None or not len(subject.usable):
        return
    counts = Counter(subject.labels[subject.usable].tolist())
    name, label = label_text(subject.trials.label), subject.trials.label
    where = describe_label(label, subject.recording.trials)
    if len(counts) > MAX_CLASSES:
        yield Finding.error("too-many-classes", "trials.label", _too_many(subject, counts))
        return
    for word in sorted(MISSING & set(counts)):
        yield Finding.error(
            "missing-value-as-class",
            "trials.label",
            f"trials.label: {word!r} in {where} ({counted(counts[word], 'trial')}) reads like a missing value "
            f"and would be a class; {_way_out(label, word)}",
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
            f"trials.label: {where} holds blanks in {counted(counts[blank[0]], 'trial')}: leave it empty",
        )
    if len(counts) == 1:
        yield Finding.warning(
            "single-class",
            "trials.label",
            f"all {counted(len(subject.usable), 'trial')} have the {name} {next(iter(counts))!r}",
        )
    for label in sorted(label for label, n in counts.items() if n == 1):
        yield Finding.warning("class-of-one-trial", label, f"only one trial has the {name} {label!r}")


def _way_out(label: Label, word: str) -> str:
    if not isinstance(label, str):
        return "give the class another name"
    column = label if label.isidentifier() else f"`{label}`"
    return f"leave it empty, or add to trials.include: {column} != '{word}'"


def _too_many(subject: Subject, counts: Counter[str]) -> str:
    table, label = subject.recording.trials, subject.trials.label
    few = [str(c) for c in table if c != label and 2 <= len(set(label_names(table[c])) - {""}) <= MAX_CLASSES]
    numeric = isinstance(label, str) and label in table and pd.api.types.is_numeric_dtype(table[label])
    what = "numbers: a quantity, not a decision" if numeric else "values"
    return (
        f"trials.label: {describe_label(label, table)} holds {len(counts)} different {what}. Expected 2 to "
        f"{MAX_CLASSES} classes; columns that have as many: {listed(few)}"
    )
