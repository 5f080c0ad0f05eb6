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

SAME = {
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
"""Words of sorters and curators in the form of `plain` -> the word that stands for all with this meaning."""
EVERYDAY = {"good", "bad", "single", "multi", "mu", "isolated", "accept", "accepted", "reject", "rejected", "junk"}
"""Words that other columns hold as well (the quality of a histology): alone, they count only under a name of labels."""
NO_WORD = ("", "nan", "none", "null", "na", "n/a", "<na>", "[]")
CAREFUL = {"good": 0, "unsorted": 1, "mua": 2, "non-soma": 3, "noise": 5}
"""Where two persons contradict each other, the word with the higher number counts. Any other word has OTHER_WORD."""
OTHER_WORD = 4

PERSON, UNNAMED, PROGRAM, SORTER = range(4)
"""Who judged, in the order in which they count. UNNAMED: the column's name does not say who."""
FIRST = (
    "quality", "group", "sorter_label", "cluster_group", "unit_quality", "label", "curation", "cell_quality",
)  # fmt: skip
"""Names of columns that go before others of the same kind of judge, in this order."""
SORTERS = {"ks", "kslabel", "kilosort", "sorter", "mountainsort", "ironclust", "spykingcircus", "tridesclous", "klusta"}
PROGRAMS = {"bc", "bombcell", "unitrefine", "slay", "decoder", "classifier", "auto", "automatic", "predicted",
            "prediction", "model", "qc", "ibl"}  # fmt: skip
PERSONS = {"quality", "group", "groups", "curated", "curation", "curator", "manual", "human", "phy", "annotation",
           "annotations", "annotated", "expert", "user"}  # fmt: skip
OF_LABELS = {"label", "labels", "unit", "units", "cluster", "clusters", "cell", "cells", "neuron", "spike", "spikes",
             "sorting", "isolation", "type", "class", "classification", "tag", "tags", "status", "category",
             "rating"}  # fmt: skip
RATINGS = {"quality", "label", "labels", "rating", "isolation", "curation", "annotation", "annotations"}
YES_OR_NO = {"good", "mua", "noise", "single", "sua", "isolated", "accepted", "curated", "keep", "multiunit"}
REMARKS = {"note", "notes", "comment", "comments", "remark", "remarks", "description"}
NAMES = ("unit", "region", "name")
"""Columns that say which unit it is."""
MAX_RATINGS = 6
"""A number with more values is a measure, not a rating."""


SETTING = "name one column in quality.sorter_label_from"


@dataclass(frozen=True)
class Contradiction:
    """Two columns of persons with different meanings for one unit. words: column -> word; used: the word that counts.

    row: the place of the unit in its table.
    """

    row: int
    words: Mapping[str, str]
    used: str

    def said(self, unit: object) -> str:
        """For a message; unit: what to call the unit."""
        return f"{unit} ({', '.join(f'{column}: {word}' for column, word in self.words.items())}; used: {self.used})"


@dataclass(frozen=True)
class Judged:
    """labels: (unit,), "" where nobody judged. source: (unit,), the column of each label."""

    labels: tuple[str, ...]
    source: tuple[str, ...]
    contradictions: tuple[Contradiction, ...]


def plain(word: str) -> str:
    """Without case; blanks, hyphens and underscores alike: NON-SOMA and non_soma are "non soma"."""
    return " ".join(re.split(r"[\s_-]+", word.casefold().strip())).strip()


def meaning(word: str) -> str:
    """The word that stands for all with this meaning; an unknown word stands for itself."""
    return SAME.get(plain(word), plain(word))


def words_of(values: pd.Series) -> list[str]:
    """(unit,): the text of each label, "" where it is missing. Of several known words ("mua, reject") the most careful
    one counts."""
    names = [str(name).strip() for name in label_names(values)]
    return ["" if name.casefold() in NO_WORD else _one_word(name) for name in names]


def _one_word(name: str) -> str:
    words = [word.strip() for word in name.split(",")] if "," in name else []
    known = bool(words) and all(plain(word) in SAME for word in words)
    return max(words, key=lambda word: CAREFUL.get(meaning(word), OTHER_WORD)) if known else name


def judge_of(column: str) -> int:
    """PERSON, UNNAMED, PROGRAM or SORTER, by the column's name."""
    parts = _parts(column)
    kinds = ((SORTER, SORTERS), (PROGRAM, PROGRAMS), (PERSON, PERSONS))
    return next((kind for kind, names in kinds if parts & names), UNNAMED)


def label_columns(units: pd.DataFrame, always: Collection[str] = ()) -> list[str]:
    """The columns that hold labels, in the order in which they count. always: columns that do, whatever their words."""
    found = [c for c in map(str, units) if c in always or (c not in NAMES and holds_labels(c, units[c]))]
    return sorted(found, key=lambda c: (judge_of(c), FIRST.index(c.lower()) if c.lower() in FIRST else len(FIRST)))


def holds_labels(column: str, values: pd.Series) -> bool:
    """Whether text is labels of units: under a name of labels one known word is enough, else half must be known.

    Under a name that says nothing of labels one of the words must be of this trade (mua, not good).
    """
    counts = _text_counts(values)
    known = {word: n for word, n in counts.items() if word in SAME}
    if not known or _parts(column) & REMARKS:
        return False
    if _parts(column) <= PERSONS | PROGRAMS | SORTERS | OF_LABELS:
        return True
    return sum(known.values()) >= sum(counts.values()) / 2 and not set(known) <= EVERYDAY


def not_used(units: pd.DataFrame) -> list[str]:
    """Columns that may be labels and are not recognised as such, each with what it holds, for a message."""
    said = []
    for column in map(str, units):
        if column in NAMES or holds_labels(column, units[column]):
            continue
        parts, counts = _parts(column), Counter(words_of(units[column]))
        counts.pop("", None)
        known = {plain(word) for word in counts} & set(SAME)
        yes_or_no = {word.lower() for word in counts} <= {"true", "false", "yes", "no", "0", "1"}
        flag = bool(parts & YES_OR_NO) and yes_or_no
        rating = bool(parts & RATINGS or {"cluster", "group"} <= parts) and 1 < len(counts) <= MAX_RATINGS
        if known or (counts and flag) or rating:
            said.append(f"{column} ({listed((f'{w}: {n}' for w, n in counts.most_common()), 4)})")
    return said


def merged(columns: Mapping[str, Sequence[str]], judge: Callable[[str], int] = judge_of) -> Judged:
    """One label a unit. columns: name -> words (unit,), in the order in which they count. judge: who judged in each.

    Where columns of persons, or of judges unnamed, contradict each other, the more careful word counts: a unit that one
    of them calls mua or noise is never good. The word "unsorted" says that nobody judged: other words go before it.
    """
    n = len(next(iter(columns.values()), ()))
    labels, source, wrong = [], [], []
    for row in range(n):
        said = {c: words[row] for c, words in columns.items() if words[row]}
        judged = {c: word for c, word in said.items() if meaning(word) != "unsorted"} or said
        persons = {c: word for c, word in judged.items() if judge(c) in (PERSON, UNNAMED)}
        column = careful(persons) if persons else next(iter(judged), "")
        labels.append(judged.get(column, ""))
        source.append(column)
        if len({meaning(word) for word in persons.values()}) > 1:
            wrong.append(Contradiction(row, persons, judged[column]))
    return Judged(tuple(labels), tuple(source), tuple(wrong))


def careful(words: Mapping[str, str]) -> str:
    """The place with the most careful of several words, the first of equals."""
    return max(words, key=lambda place: CAREFUL.get(meaning(words[place]), OTHER_WORD))


def said_of(contradictions: Sequence[Contradiction], names: Sequence[object], remedy: str = SETTING) -> str:
    """A note on contradictions. names: (unit,), what to call each unit. remedy: what to do for another word."""
    several = listed((one.said(names[one.row]) for one in contradictions), 10)
    return f"judgements contradict each other, and the more careful word is used: {several}; for another, {remedy}"


def _parts(column: str) -> set[str]:
    """The words of a name, in lower case and without numbers: bc_unitType -> bc, unit, type."""
    column = re.sub("kslabel", "ks_label", column, flags=re.IGNORECASE)
    return {p.lower() for p in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", column)}


def _text_counts(values: pd.Series) -> Counter[str]:
    """Plain word -> units, of a column of text; nothing of numbers and of yes or no."""
    if pd.api.types.is_numeric_dtype(values) or pd.api.types.is_bool_dtype(values):
        return Counter()
    return Counter(plain(word) for word in words_of(values) if word)


def kept_words(wanted: Iterable[str]) -> set[str]:
    """The wanted words, and every other word for one of them, in the form of `plain`."""
    kept = {plain(word) for word in wanted}
    return kept | {word for word, same in SAME.items() if plain(same) in kept}
