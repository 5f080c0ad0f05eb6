"""Names as keys of other systems: safe there, one key for one name, and the name can be read back."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spikebridge.text.keys import MAX_MLFLOW_KEY, name_problem, original_name, safe_key, safe_path, shortened_key

MLFLOW = re.compile(r"[/\w.\- :]+")  # what MLflow takes as names of metrics and parameters
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
LIKE_KEYS = st.text(".x2e8 a", max_size=12)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("rat1_day1", "rat1_day1"),
        ("rec.0", "rec.0"),
        ("Été 3", "Été 3"),
        ("rat1 (1)", "rat1 .x28.1.x29."),
        ("R2+opto", "R2.x2b.opto"),
        ("50%", "50.x25."),
        ("a/b", "a.x2f.b"),
        (".hidden", ".x2e.hidden"),
        ("..", ".x2e..x2e."),
        (" ", ".x20."),
        ("", ".x."),
        ("a.x28.b", "a.x2e.x28.b"),
    ],
)
def test_ordinary_names_stay_and_others_are_escaped(name: str, expected: str) -> None:
    assert safe_key(name) == expected
    assert original_name(expected) == name


@given(st.lists(TEXT | LIKE_KEYS, max_size=6))
def test_keys_are_safe_different_and_reversible(names: list[str]) -> None:
    keys = [safe_key(name) for name in names]
    assert [original_name(text) for text in keys] == names
    assert len(set(keys)) == len(set(names))
    for text in keys:
        assert MLFLOW.fullmatch(text) and "/" not in text and text not in {".", ".."} and text == text.strip()


def test_a_key_that_is_too_long_is_cut_and_stays_its_own() -> None:
    long = "a" * 400
    assert shortened_key("short") == "short"
    assert len(shortened_key(long)) == MAX_MLFLOW_KEY
    assert shortened_key(long) != shortened_key(long + "b")
    assert safe_path("family", "a/b") == "family/a.x2f.b"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("rat1 (1)", ""),
        ("R2+opto", ""),
        ("крыса 1", ""),
        ("a" * 150, ""),
        ("a" * 151, "at most 150 characters"),
        ("a" * 250, "at most 200 bytes"),
        ("+" * 40, "at most 150 characters (signs other than letters, digits, '_', '-' and '.' count for four or more"),
        ("a|b", "must not contain '|' or '/'"),
        ("a/b", "must not contain '|' or '/'"),
        (".a", "nor begin with a dot"),
        ("a\nb", "must not contain control characters"),
        ("  ", "is empty"),
    ],
)
def test_names_that_cannot_be_carried_are_refused(name: str, message: str) -> None:
    assert message in name_problem(name)
    assert bool(message) == bool(name_problem(name))
