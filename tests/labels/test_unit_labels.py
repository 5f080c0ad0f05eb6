"""Words for the quality of units: which columns hold them, and which word counts."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from spikebridge.labels.unit_labels import (
    equivalent_words,
    find_label_columns,
    holds_labels,
    judge_of_column,
    merge_labels,
    normalize_word,
    strictest,
    unused_label_columns,
)

SORTED = ["good", "mua", "noise", "good"]


@pytest.mark.parametrize(
    ("column", "values", "holds"),
    [
        *((name, SORTED, True) for name in ("quality", "Quality", "quality_label", "kilosort2_label", "KSLabel",
                                            "kslabel", "tag", "bc_unitType", "cluster_group_name", "verdict", "x")),
        ("bc_unitType", ["GOOD", "MUA", "NON-SOMA", "NOISE"], True),
        ("unit_type", ["SUA", "MUA", "MUA", "SUA"], True),
        ("bombcell_label", ["non_soma_good", "good", "non_soma", "good"], True),
        ("tags", ["accept", "reject", "accept", "accept"], True),
        ("isolation", ["isolated", "multi-unit", "Multi Unit", ""], True),
        ("my_label", ["single unit", "multiunit", "artifact", None], True),
        ("quality", ["good", "doubtful", "odd", "strange"], True),
        ("quality", ["fine", "poor", "fine", "poor"], False),
        ("histology", ["good", "bad", "good", "good"], False),
        ("waveform", ["mua", "narrow", "wide", "wide"], False),
        ("comment", ["good", "mua", "mua", "good"], False),
        ("group", ["shank1", "shank2", "shank1", "shank2"], False),
        ("cell_type", ["pyramidal", "interneuron", "pyramidal", "interneuron"], False),
        ("label", [1.0, 2 / 3, 1 / 3, 1.0], False),
        ("good", [True, False, True, True], False),
    ],
)  # fmt: skip
def test_columns_are_known_by_their_words(column: str, values: list[Any], holds: bool) -> None:
    assert holds_labels(column, pd.Series(values)) is holds


@pytest.mark.parametrize(
    ("column", "values", "description"),
    [
        ("label", [1.0, 2 / 3, 1 / 3, 1.0], "label (1: 2, 0.666666666667: 1, 0.333333333333: 1)"),
        ("phy_annotations", [2, 1, 2, 3], "phy_annotations (2: 2, 1: 1, 3: 1)"),
        ("cluster_group", [2, 1, 0, 2], "cluster_group (2: 2, 1: 1, 0: 1)"),
        ("is_good", [True, False, True, True], "is_good (True: 3, False: 1)"),
        ("quality", ["fine", "poor", "fine", "poor"], "quality (fine: 2, poor: 2)"),
        ("histology", ["good", "bad", "good", "good"], "histology (good: 3, bad: 1)"),
        ("comment", ["mua", None, None, None], "comment (mua: 1)"),
    ],
)
def test_what_may_be_labels_and_is_not_used_is_said(column: str, values: list[Any], description: str) -> None:
    assert unused_label_columns(pd.DataFrame({"unit": range(4), "region": ["CA1"] * 4, column: values})) == [
        description
    ]


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("quality", SORTED),
        ("depth", [10.0, 20.0, 30.0, 40.0]),
        ("electrode_group", ["shank1"] * 4),
        ("shank", [0, 0, 1, 1]),
        ("cell_type", ["pyramidal", "interneuron", "pyramidal", ""]),
        ("isolation_distance", [10.5, 20.25, 30.0, 41.0]),
    ],
)
def test_no_false_alarm(column: str, values: list[Any]) -> None:
    few = [*values, *values]
    few = [v + k / 7 for k, v in enumerate(few)] if column == "isolation_distance" else few
    assert unused_label_columns(pd.DataFrame({"unit": range(8), column: few})) == []


def test_persons_before_programs_before_sorters() -> None:
    words = dict.fromkeys(("KSLabel", "bc_unitType", "tag", "group", "quality", "curated_label"), SORTED)
    assert find_label_columns(pd.DataFrame(words)) == [
        "quality",
        "group",
        "curated_label",
        "tag",
        "bc_unitType",
        "KSLabel",
    ]
    assert [judge_of_column(c) for c in ("manual", "unit_type", "bombcell_label", "kilosort4_label")] == [0, 1, 2, 3]


def test_cell_by_cell() -> None:
    judged = merge_labels(
        {
            "quality": ["good", "", "unsorted", "", "good", "unsorted"],
            "tag": ["", "", "", "mua", "noise", ""],
            "bc_unitType": ["MUA", "NON-SOMA", "", "GOOD", "", ""],
            "KSLabel": ["mua", "good", "mua", "good", "good", ""],
        }
    )
    assert judged.labels == ("good", "NON-SOMA", "mua", "mua", "noise", "unsorted")
    assert judged.source == ("quality", "bc_unitType", "KSLabel", "tag", "tag", "quality")
    (contradiction,) = judged.contradictions
    assert (contradiction.row, contradiction.words, contradiction.used) == (
        4,
        {"quality": "good", "tag": "noise"},
        "noise",
    )


def test_other_words_for_the_same_do_not_contradict() -> None:
    assert merge_labels({"quality": ["good", "MUA"], "group": ["Single Unit", "multi_unit"]}).contradictions == ()


@pytest.mark.parametrize(
    ("words", "used"), [(["good", "mua"], 1), (["noise", "mua"], 0), (["good", "x"], 1), (["a"], 0)]
)
def test_the_careful_word(words: list[str], used: int) -> None:
    assert strictest(dict(zip("ab", words, strict=False))) == "ab"[used]


def test_wanted_words() -> None:
    assert {"good", "sua", "single unit"} <= equivalent_words(["Good"])
    assert equivalent_words(["Single-Unit"]) == {normalize_word("single unit")}
