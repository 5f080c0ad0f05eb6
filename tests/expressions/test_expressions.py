"""Expressions of params.yaml: the rows that pandas would take, and nothing but what is on the list."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spikebridge.errors import ConfigError
from spikebridge.expressions import ExpressionError, parse
from spikebridge.labels.trial_labels import included_trials

TABLE = pd.DataFrame(
    {
        "reward": [0.0, 1.0, np.nan, 2.5, -1.0, 1.0],
        "block": [1, 1, 2, 2, 3, 3],
        "side": ["left", "right", None, "left", "right", "up"],
        "correct": [True, False, True, True, False, False],
        "HitR": [1, 0, 0, 1, 0, 0],
        "trial type": ["a", "b", "a", "c", None, "b"],
    }
)


def rows(text: str) -> list[int]:
    return np.flatnonzero(included_trials(TABLE, text, "day")).tolist()


SMALL = ["reward", "block", "1", "2.5", "-1", "(reward + block)", "block * 2", "reward - 1", "block % 2"]
NUMBERS = st.sampled_from(SMALL) | st.builds(
    "({} {} {})".format,
    st.sampled_from(SMALL),
    st.sampled_from(["+", "-", "*", "/", "//", "**"]),
    st.sampled_from(["2", "reward"]),
)
COMPARED = st.builds(
    "{} {} {}".format,
    NUMBERS,
    st.sampled_from(["<", "<=", "==", "!=", ">", ">="]),
    st.sampled_from(["reward", "block"]),
)
COMPARED |= st.sampled_from(
    [
        *("correct", "side == 'left'", "side != 'left'", "side in ['left', 'up']", "side not in ['left']"),
        *("block in [1, 3]", "block == [1, 2]", "reward != [1.0]", "0 < reward < 2", "1 <= block <= 2 < 3"),
        *("`trial type` == 'a'", "`trial type` in ['b', 'c']", "index < 3", "side == side", "reward != reward"),
    ]
)
QUERIES = st.recursive(
    COMPARED,
    lambda inner: (
        st.builds("({} {} {})".format, inner, st.sampled_from(["and", "or", "&", "|"]), inner)
        | st.builds("{} ({})".format, st.sampled_from(["not", "~"]), inner)
        | st.builds("{} {} {}".format, inner, st.sampled_from(["and", "or", "&", "|"]), inner)
    ),
    max_leaves=6,
)


@settings(max_examples=150)
@given(QUERIES)
def test_the_rows_are_those_of_pandas(query: str) -> None:
    expected = TABLE.eval(query, local_dict={}, global_dict={})
    assert rows(query) == np.flatnonzero(pd.Series(expected).fillna(False)).tolist()


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("start_well == 1 and end_well != 1", [0]),
        ("included and response_time - visual_stimulus_time >= 0.4", [1]),
        ("response_accuracy == 1", [0, 2]),
        ("trajbound == 0", [0, 1]),
        ("delay > 2", [2]),
    ],
)
def test_the_queries_of_the_examples(query: str, expected: list[int]) -> None:
    table = pd.DataFrame(
        {
            "start_well": [1, 1, 2], "end_well": [2, 1, 3], "included": [False, True, True],
            "response_time": [1.0, 2.0, 3.0], "visual_stimulus_time": [0.1, 1.5, 2.9], "response_accuracy": [1, 0, 1],
            "trajbound": [0, 0, 1], "delay": [1.0, 2.0, 3.0],
        }
    )  # fmt: skip
    assert (
        np.flatnonzero(included_trials(table, query, "day")).tolist() == expected == table.query(query).index.tolist()
    )


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("isnull(side)", [2]),
        ("notnull(reward) and reward > 0", [1, 3, 5]),
        ("abs(reward) == 1", [1, 4, 5]),
        ("round(reward / 2) == 0", [0, 1, 4, 5]),
        ("max(reward, block) == 2.5", [3]),
        ("min(reward, 1) < 0", [4]),
        ("upper(side) == 'LEFT'", [0, 3]),
        ("startswith(side, 'l') or contains(side, '.')", [0, 3]),
        ("endswith(side, 't') and not correct", [1, 4]),
        ("HitR and correct", [0, 3]),
        ("not HitR and correct", [2]),
        ("HitR + correct == 2", [0, 3]),
        ("side + '!' == 'up!'", [5]),
        ("'left' == side", [0, 3]),
    ],
)
def test_functions_and_flags(query: str, expected: list[int]) -> None:
    assert rows(query) == expected


def test_integers_of_few_bits_do_not_wrap() -> None:
    table = pd.DataFrame({"a": np.array([1, 2, 200], dtype=np.uint8), "b": np.array([2, 1, 100], dtype=np.uint8)})
    assert included_trials(table, "a - b < 0", "day").tolist() == [True, False, False]
    assert included_trials(table, "a + b == 300", "day").tolist() == [False, False, True]
    assert included_trials(table, "-a == -200", "day").tolist() == [False, False, True]


def test_what_is_not_known_is_told() -> None:
    """A comparison with nothing has no answer, unless the other part decides."""
    value = parse("side == 'left' or correct").over(TABLE)
    assert value.missing.tolist() == [False] * 6, "trial 2 is correct, whatever its side"
    assert parse("side == 'left' and correct").over(TABLE).missing.tolist() == [False, False, True, False, False, False]
    assert parse("not (reward > 0)").over(TABLE).missing.tolist() == [False, False, True, False, False, False]


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("(side.to_csv('stolen.py') == side) | (block > 0)", "a dot after a name is not allowed"),
        ("side.str.startswith('l')", "write contains\\(column, 'text'\\)"),
        ("reward.isnull()", "write isnull\\(column\\)"),
        ("__import__('os').system('true') == 0", "not allowed"),
        ("open('stolen', 'w') == 0", "open\\(\\) is not allowed; functions: isnull"),
        ("(lambda: 1)() == 1", "not allowed"),
        ("[x for x in [1]] == block", "not allowed"),
        ("block[0] == 1", "not allowed"),
        ("f'{block}' == side", "not allowed"),
        ("(y := 1) == block", "not allowed"),
        ("1 if block else 2", "not allowed"),
        ("side == None", "write isnull\\(column\\)"),
        ("block @ block == 1", "not allowed"),
        ("block << 60 > 1", "not allowed"),
        ("side is 'left'", "not allowed"),
        ("abs(block, key=1) > 1", "expected true or false"),
        ("abs(*[1]) > block", "expected plain arguments"),
        ("abs(block, 1) > 1", "expected 1 argument, got 2"),
        ("contains(side, block)", "expected a text in quotes second"),
        ("contains(block, 'a')", "expected a column of text"),
        ("side * 1000000000 == 'a'", "side: expected numbers, found text"),
        ("'a' * 10**9 == side", "expected numbers, found text"),
        ("block == '1'", "block holds numbers and is compared with '1': write it without quotes"),
        ("side == 1", "side holds text and is compared with 1: put the other in quotes too"),
        ("side in [1, 2]", "side holds text and is looked for in"),
        ("block in side", "expected a list such as"),
        ("side and correct", "side: expected true or false beside and, or, not, found text"),
        ("block or correct", "found numbers other than 0 and 1"),
        ("true or correct", "true is no column; write True"),
        ("reward == nan", "nan is no column; write isnull"),
        ("sid == 'a'", "sid is no column, did you mean side\\?"),
        ("side == left", "left is no column; text goes in quotes: 'left'"),
        ("1 / 0 > block", "division by zero"),
        ("block == 1j", "not allowed"),
        ("(" * 5000 + "block" + ")" * 5000, "characters|parenthes|deeply"),
        ("not " * 400 + "correct", "too long"),
        ("-" * 9000 + "block > 1", "too long|deeply"),
        (" and ".join(["block > 1"] * 900), "too long|characters"),
        ("+".join(["block"] * 1200) + " > 1", "too long|characters"),
        ("", "cannot be evaluated"),
    ],
)  # fmt: skip
def test_nothing_else_is_computed(query: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        included_trials(TABLE, query, "day")


def test_large_powers_are_infinite_at_once() -> None:
    assert rows("9**9**9 > reward") == [0, 1, 3, 4, 5]
    assert rows("block ** 9 ** 9 > 1") == [2, 3, 4, 5]


def test_an_expression_knows_its_columns() -> None:
    assert parse("HitR or (`trial type` == 'a' and isnull(side))").columns == ("HitR", "trial type", "side")
    with pytest.raises(ExpressionError):
        parse("HitR or")
