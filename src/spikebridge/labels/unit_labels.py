"""Words for the quality of a unit (good, mua, noise): which columns hold them, and which word counts for each unit.

A person's judgement goes before that of a curation program (bombcell, UnitRefine), and this before the label of a spike
sorter (Kilosort). It goes cell by cell: where one column has no word for a unit, the next column counts.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from spikebridge.errors.messages import listed
from spikebridge.labels.trial_labels import label_names

SYNONYMS = {
    **dict.fromkeys(
        ("good", "single", "single unit", "singleunit", "su", "sua", "isolated", "well isolated", "accept", "accepted"),
        "good",
    ),
    **dict.fromkeys(("mua", "mu", "multi", "multi unit", "multiunit", "multi unit activity"), "mua"),
    **dict.fromkeys(
        ("noise", "bad", "artifact", "artefact", "artifacts", "artefacts", "reject", "rejected", "garbage", "junk"),
        "noise",
    ),
    **dict.fromkeys(("non soma", "nonsoma", "non somatic", "non soma good", "non soma mua"), "non-soma"),
    **dict.fromkeys(("unsorted", "unclassified", "unlabeled", "unlabelled", "uncurated"), "unsorted"),
}
"""Words of sorters and curators in the form of `normalize_word` -> the word that stands for all with this meaning."""
AMBIGUOUS_WORDS = {
    "good",
    "bad",
    "single",
    "multi",
    "mu",
    "isolated",
    "accept",
    "accepted",
    "reject",
    "rejected",
    "junk",
}
"""Words that other columns hold too (the quality of a histology): alone they count only under a name of labels."""
MISSING_WORDS = ("", "nan", "none", "null", "na", "n/a", "<na>", "[]")
STRICTNESS = {"good": 0, "unsorted": 1, "mua": 2, "non-soma": 3, "noise": 5}
"""Where two persons contradict each other, the word with the higher number counts. Any other word has OTHER_WORD."""
OTHER_STRICTNESS = 4

PERSON, UNNAMED, PROGRAM, SORTER = range(4)
"""Who judged, in the order in which they count. UNNAMED: the column's name does not say who."""
PREFERRED_COLUMNS = (
    "quality", "group", "sorter_label", "cluster_group", "unit_quality", "label", "curation", "cell_quality",
)  # fmt: skip
"""Columns that count before others of the same kind of judge, in this order."""
SORTER_WORDS = {
    "ks",
    "kslabel",
    "kilosort",
    "sorter",
    "mountainsort",
    "ironclust",
    "spykingcircus",
    "tridesclous",
    "klusta",
}
PROGRAM_WORDS = {"bc", "bombcell", "unitrefine", "slay", "decoder", "classifier", "auto", "automatic", "predicted",
            "prediction", "model", "qc", "ibl"}  # fmt: skip
PERSON_WORDS = {"quality", "group", "groups", "curated", "curation", "curator", "manual", "human", "phy", "annotation",
           "annotations", "annotated", "expert", "user"}  # fmt: skip
LABEL_WORDS = {"label", "labels", "unit", "units", "cluster", "clusters", "cell", "cells", "neuron", "spike", "spikes",
             "sorting", "isolation", "type", "class", "classification", "tag", "tags", "status", "category",
             "rating"}  # fmt: skip
RATING_WORDS = {"quality", "label", "labels", "rating", "isolation", "curation", "annotation", "annotations"}
FLAG_WORDS = {"good", "mua", "noise", "single", "sua", "isolated", "accepted", "curated", "keep", "multiunit"}
REMARK_WORDS = {"note", "notes", "comment", "comments", "remark", "remarks", "description"}
IDENTIFYING_COLUMNS = ("unit", "region", "name")
"""Columns that identify a unit."""
MAX_RATINGS = 6
"""A number with more values is a measure, not a rating."""


NAME_ONE_COLUMN = "for another, name one column in quality.sorter_label_from"
"""The remedy for labels of several columns that contradict each other."""


@dataclass(frozen=True)
class Contradiction:
    """Two columns of persons with different meanings for one unit. words: column -> word; used: the word that counts.

    row: the place of the unit in its table.
    """

    row: int
    words: Mapping[str, str]
    used: str

    def describe(self, unit: object) -> str:
        """For a message; unit: what to call the unit."""
        return f"{unit} ({', '.join(f'{column}: {word}' for column, word in self.words.items())}; used: {self.used})"


@dataclass(frozen=True)
class MergedLabels:
    """labels: (unit,), "" where nobody judged. source: (unit,), the column of each label."""

    labels: tuple[str, ...]
    source: tuple[str, ...]
    contradictions: tuple[Contradiction, ...]


def normalize_word(word: str) -> str:
    """Without case; blanks, hyphens and underscores alike: NON-SOMA and non_soma are "non soma"."""
    return " ".join(re.split(r"[\s_-]+", word.casefold().strip())).strip()


def canonical_word(word: str) -> str:
    """The word that stands for all with this meaning; an unknown word stands for itself."""
    return SYNONYMS.get(normalize_word(word), normalize_word(word))


def label_words(values: pd.Series) -> list[str]:
    """(unit,): the text of each label, "" where it is missing. Of several known words ("mua, reject") the strictest
    counts."""
    names = [str(name).strip() for name in label_names(values)]
    return ["" if name.casefold() in MISSING_WORDS else _one_word(name) for name in names]


def _one_word(name: str) -> str:
    words = [word.strip() for word in name.split(",")] if "," in name else []
    known = bool(words) and all(normalize_word(word) in SYNONYMS for word in words)
    return max(words, key=lambda word: STRICTNESS.get(canonical_word(word), OTHER_STRICTNESS)) if known else name


def judge_of_column(column: str) -> int:
    """PERSON, UNNAMED, PROGRAM or SORTER, by the column's name."""
    parts = _parts(column)
    kinds = ((SORTER, SORTER_WORDS), (PROGRAM, PROGRAM_WORDS), (PERSON, PERSON_WORDS))
    return next((kind for kind, names in kinds if parts & names), UNNAMED)


def find_label_columns(units: pd.DataFrame, always: Collection[str] = ()) -> list[str]:
    """The columns that hold labels, in the order in which they count. always: columns that do, whatever their words."""
    columns = [
        c for c in map(str, units) if c in always or (c not in IDENTIFYING_COLUMNS and holds_labels(c, units[c]))
    ]
    return sorted(
        columns,
        key=lambda c: (
            judge_of_column(c),
            PREFERRED_COLUMNS.index(c.lower()) if c.lower() in PREFERRED_COLUMNS else len(PREFERRED_COLUMNS),
        ),
    )


def holds_labels(column: str, values: pd.Series) -> bool:
    """Whether text is labels of units: under a name of labels one known word is enough, else half must be known.

    Under a name that says nothing of labels one of the words must be of this trade (mua, not good).
    """
    counts = _text_counts(values)
    known = {word: n for word, n in counts.items() if word in SYNONYMS}
    if not known or _parts(column) & REMARK_WORDS:
        return False
    if _parts(column) <= PERSON_WORDS | PROGRAM_WORDS | SORTER_WORDS | LABEL_WORDS:
        return True
    return sum(known.values()) >= sum(counts.values()) / 2 and not set(known) <= AMBIGUOUS_WORDS


def unused_label_columns(units: pd.DataFrame) -> list[str]:
    """Columns that may be labels and are not recognised as such, each with what it holds, for a message."""
    descriptions = []
    for column in map(str, units):
        if column in IDENTIFYING_COLUMNS or holds_labels(column, units[column]):
            continue
        parts, counts = _parts(column), Counter(label_words(units[column]))
        counts.pop("", None)
        known = {normalize_word(word) for word in counts} & set(SYNONYMS)
        yes_or_no = {word.lower() for word in counts} <= {"true", "false", "yes", "no", "0", "1"}
        flag = bool(parts & FLAG_WORDS) and yes_or_no
        rating = bool(parts & RATING_WORDS or {"cluster", "group"} <= parts) and 1 < len(counts) <= MAX_RATINGS
        if known or (counts and flag) or rating:
            descriptions.append(f"{column} ({listed((f'{w}: {n}' for w, n in counts.most_common()), 4)})")
    return descriptions


def merge_labels(columns: Mapping[str, Sequence[str]], judge: Callable[[str], int] = judge_of_column) -> MergedLabels:
    """One label for each unit, from several columns.

    Where columns of persons, or columns whose names do not say who judged, contradict each other, the stricter word
    counts: a unit that one of them calls mua or noise is never good. The word "unsorted" means that nobody judged: any
    other word goes before it.

    Parameters
    ----------
    columns : mapping of str to sequence of str
        Column -> the word for each unit, "" where there is none; columns in the order in which they count.
    judge : callable
        Column -> PERSON, UNNAMED, PROGRAM or SORTER.

    Returns
    -------
    MergedLabels
        The labels, the column of each, and the contradictions.
    """
    n = len(next(iter(columns.values()), ()))
    labels, source, wrong = [], [], []
    for row in range(n):
        unit_words = {c: words[row] for c, words in columns.items() if words[row]}
        judged = {c: word for c, word in unit_words.items() if canonical_word(word) != "unsorted"} or unit_words
        persons = {c: word for c, word in judged.items() if judge(c) in (PERSON, UNNAMED)}
        column = strictest(persons) if persons else next(iter(judged), "")
        labels.append(judged.get(column, ""))
        source.append(column)
        if len({canonical_word(word) for word in persons.values()}) > 1:
            wrong.append(Contradiction(row, persons, judged[column]))
    return MergedLabels(tuple(labels), tuple(source), tuple(wrong))


def strictest(words: Mapping[str, str]) -> str:
    """The key of the strictest of several words, the first of equals."""
    return max(words, key=lambda place: STRICTNESS.get(canonical_word(words[place]), OTHER_STRICTNESS))


def describe_contradictions(contradictions: Sequence[Contradiction], names: Sequence[object]) -> str:
    """The text of a finding; its remedy begins with "for another". names: (unit,), what to call each unit."""
    several = listed((c.describe(names[c.row]) for c in contradictions), 10)
    return f"judgements contradict each other, and the more careful word is used: {several};"


def _parts(column: str) -> set[str]:
    """The words of a name, in lower case and without numbers: bc_unitType -> bc, unit, type."""
    column = re.sub("kslabel", "ks_label", column, flags=re.IGNORECASE)
    return {p.lower() for p in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", column)}


def _text_counts(values: pd.Series) -> Counter[str]:
    """Plain word -> units, of a column of text; nothing of numbers and of yes or no."""
    if pd.api.types.is_numeric_dtype(values) or pd.api.types.is_bool_dtype(values):
        return Counter()
    return Counter(normalize_word(word) for word in label_words(values) if word)


def equivalent_words(wanted: Iterable[str]) -> set[str]:
    """The wanted words, and every other word for one of them, in the form of `normalize_word`."""
    kept = {normalize_word(word) for word in wanted}
    return kept | {word for word, same in SYNONYMS.items() if normalize_word(same) in kept}
