"""Names of labels, their spellings, and queries over the trial table."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from spikebridge.errors import ConfigError
from spikebridge.labels.trial_labels import included_trials, label_names, spelling_variants

TABLE = pd.DataFrame({"reward": [0.0, 1.0, np.nan], "side": ["left", "right", None]})


def test_names() -> None:
    assert label_names(pd.Series([1.0, 2.5, np.nan])).tolist() == ["1", "2.5", ""]
    assert label_names(pd.Series(["a", None, pd.NA], dtype="object")).tolist() == ["a", "", ""]
    assert label_names(pd.Series([0.1 + 0.2, 0.3, 0.1, 1e-5, 1e20])).tolist() == [
        "0.3",
        "0.3",
        "0.1",
        "1e-05",
        str(10**20),
    ]
    assert label_names(pd.Series(np.array([0.1, 0.3], dtype=np.float32))).tolist() == ["0.1", "0.3"]
    assert label_names(pd.Series([True, False])).tolist() == ["True", "False"]


@pytest.mark.parametrize(
    ("names", "groups"),
    [
        ({"left", "right"}, []),
        ({"Left", "left ", "right"}, [["Left", "left "]]),
        ({"1", "1.0", "2"}, [["1", "1.0"]]),
        ({"go", "no go", "no  go"}, [["no  go", "no go"]]),
        ({"-1", "1", "10", "100"}, []),
        ({"0.30000000000000004", "0.3", "0.31"}, [["0.3", "0.30000000000000004"]]),
        ({"1234567890123451", "1234567890123452"}, []),
        ({"caf\u00e9", "cafe\u0301"}, [["cafe\u0301", "caf\u00e9"]]),
    ],
)
def test_spellings(names: set[str], groups: list[list[str]]) -> None:
    assert spelling_variants(names) == groups


def test_included() -> None:
    assert included_trials(TABLE, None, "a").tolist() == [True, True, True]
    assert included_trials(TABLE, "reward > 0 or side == 'left'", "a").tolist() == [True, True, False]


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("rewrd > 0", "over the trials of a \\(rewrd is no column, did you mean reward\\?\\); columns: reward, side"),
        ("side == left", "left is no column; text goes in quotes: 'left'"),
        ("side = 'left'", 'expected true or false for each trial, such as "reward > 0"; write == to compare'),
        ("reward", "expected true or false for each trial"),
        ("@os.getcwd()", "cannot be evaluated"),
        ("reward >", "cannot be evaluated over the trials of a \\(invalid syntax"),
    ],
)
def test_bad_queries(query: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        included_trials(TABLE, query, "a")
