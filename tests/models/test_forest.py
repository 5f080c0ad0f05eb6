"""Trees as arrays: the probabilities of scikit-learn bit for bit, and nothing followed that was not checked."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import ExtraTreesClassifier, GradientBoostingClassifier, RandomForestClassifier

from spikebridge.errors import DataError
from spikebridge.models.parts import tree_growth
from spikebridge.models.parts.forest import FIELDS, Forest, from_sklearn, named_arrays, read_forest
from spikebridge.models.parts.saved_arrays import load_arrays, save_arrays, with_prefix

N_FEATURES, N_CLASSES = 12, 5
KINDS = (RandomForestClassifier, ExtraTreesClassifier, GradientBoostingClassifier)


def grown(kind: Any, n_classes: int = 2) -> tuple[Any, np.ndarray]:
    rng = np.random.default_rng(0)
    x = rng.poisson(1.0, (300, N_FEATURES)).astype(np.float32)
    label = (x[:, 0].astype(int) + rng.integers(0, 2, 300)) % n_classes * 2  # classes 0, 2, ...: one between is absent
    return kind(n_estimators=15, random_state=0).fit(x, label), x


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("kind", KINDS)
def test_probabilities_are_those_of_scikit_learn_before_and_after_the_file(
    kind: Any, n_classes: int, tmp_path: Path
) -> None:
    theirs, x = grown(kind, n_classes)
    forest = from_sklearn(theirs)
    assert forest.classes.tolist() == theirs.classes_.tolist()
    expected = theirs.predict_proba(x)
    np.testing.assert_array_equal(forest.predict_proba(x), expected)
    assert forest.predict_proba(x[:0]).shape == (0, n_classes)
    path = tmp_path / "trees.safetensors"
    save_arrays(path, named_arrays({"rat1.day1": forest}, ["other", "rat1.day1"]))
    again = read_forest(path, "rat1.day1", with_prefix(load_arrays(path), "1."), N_FEATURES, N_CLASSES)
    np.testing.assert_array_equal(again.predict_proba(x), expected)


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("extra", [False, True])
@pytest.mark.parametrize("leaf", [1, 4])
def test_direct_growth_gives_the_trees_of_scikit_learn(n_classes: int, extra: bool, leaf: int) -> None:
    assert tree_growth.direct_growth_agrees()
    rng = np.random.default_rng(1)
    x = rng.poisson(1.0, (60, N_FEATURES)).astype(np.float32)
    label = (x[:, 0].astype(int) + rng.integers(0, 2, 60)) % n_classes * 2
    growth = tree_growth.Growth(10, 0.4, leaf, extra)
    ours, theirs = tree_growth.grow(x, label, growth, 7), tree_growth.grow_publicly(x, label, growth, 7)
    for field in FIELDS:
        np.testing.assert_array_equal(getattr(ours, field), getattr(theirs, field), err_msg=field)


def test_the_public_classes_grow_the_forest_where_parts_of_scikit_learn_changed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def other(*_: Any) -> Forest:
        raise TypeError("an argument more")

    x, label = np.random.default_rng(1).normal(size=(30, 4)), np.arange(30) % 2
    expected = tree_growth.grow(x, label, tree_growth.Growth(5, 0.5, 1), 3)
    tree_growth.direct_growth_agrees.cache_clear()
    monkeypatch.setattr(tree_growth, "grow_directly", other)
    try:
        assert not tree_growth.direct_growth_agrees()
        tree = tree_growth.grow(x, label, tree_growth.Growth(5, 0.5, 1), 3)
    finally:
        tree_growth.direct_growth_agrees.cache_clear()
    np.testing.assert_array_equal(tree.threshold, expected.threshold)


def at(array: np.ndarray, where: int, value: float) -> np.ndarray:
    """A copy with another number at one place."""
    changed = array.copy()
    changed[where] = value
    return changed


FAULTS: dict[str, tuple[Any, str]] = {
    "a child beyond the end": (lambda f: {"left": at(f.left, 0, len(f.left))}, "child .* of node 0 is not a later"),
    "a child before the beginning": (lambda f: {"right": at(f.right, 0, -7)}, "two children of a node, or -1"),
    "a node that is its own child": (lambda f: {"left": at(f.left, 0, 0)}, "the child 0 of node 0 is not a later"),
    "a cycle": (lambda f: {"left": at(f.left, int(f.left[0]), 0)}, "is not a later node of the same tree|two children"),
    "one child alone": (lambda f: {"left": at(f.left, 0, -1)}, "two children of a node, or -1 for both"),
    "one node twice": (lambda f: {"left": at(f.left, 0, int(f.right[0]))}, "expected one parent of each node"),
    "a feature out of range": (lambda f: {"feature": at(f.feature, 0, N_FEATURES)}, "from 0 to 11, got 0 to 12"),
    "a feature below zero": (lambda f: {"feature": at(f.feature, 0, -3)}, "features from 0 to 11, got -3"),
    "a root beyond the nodes": (lambda f: {"first": at(f.first, -1, len(f.left))}, "'first' as rising numbers"),
    "no tree": (lambda f: {"first": f.first[:0]}, "expected 'first' as rising numbers"),
    "a class that is not there": (lambda f: {"classes": at(f.classes, -1, N_CLASSES)}, "rising numbers below 5"),
    "no class": (lambda f: {"classes": f.classes[:0]}, "'classes' as rising numbers"),
    "values of another shape": (lambda f: {"value": f.value[:-1]}, "expected 'value' of shape"),
    "thresholds in single precision": (lambda f: {"threshold": f.threshold.astype("f4")}, "as float64, got float32"),
    "children in two dimensions": (lambda f: {"left": f.left[:, None]}, "expected 'left' of shape"),
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
@pytest.mark.parametrize("kind", KINDS)
def test_what_could_leave_the_tree_or_never_end_is_refused(kind: Any, name: str) -> None:
    forest = from_sklearn(grown(kind)[0])
    make, message = FAULTS[name]
    arrays = {field: getattr(replace(forest, **make(forest)), field) for field in FIELDS}
    with pytest.raises(DataError, match=message) as caught:
        read_forest(Path("f.safetensors"), "rat1", arrays, N_FEATURES, N_CLASSES)
    assert str(caught.value).startswith("f.safetensors: trees of rat1: ")


def test_leaves_hold_shares_and_every_array_is_there() -> None:
    forest = from_sklearn(grown(RandomForestClassifier)[0])
    arrays = {field: getattr(forest, field) for field in FIELDS}
    with pytest.raises(DataError, match="expected shares of the classes in each leaf"):
        read_forest(Path("f"), "rat1", arrays | {"value": forest.value * 2}, N_FEATURES, N_CLASSES)
    with pytest.raises(DataError, match="lacks 'prior'"):
        read_forest(Path("f"), "rat1", {k: a for k, a in arrays.items() if k != "prior"}, N_FEATURES, N_CLASSES)
    with pytest.raises(DataError, match="also has 'more'"):
        read_forest(Path("f"), "rat1", arrays | {"more": forest.first}, N_FEATURES, N_CLASSES)


def test_a_chain_that_is_too_deep_is_refused_quickly() -> None:
    n = 15_000  # inner nodes, each with a leaf and the next inner node
    inner = np.arange(n) * 2
    left, right, feature = (np.full(2 * n + 1, fill, np.int32) for fill in (-1, -1, 0))
    left[inner], right[inner] = inner + 1, inner + 2
    ones = np.ones(2 * n + 1)
    forest = Forest(
        np.array([0]),
        np.array(N_FEATURES),
        np.array([0], np.int32),
        left,
        right,
        feature,
        ones * 0,
        ones[:, None],
        np.empty(0),
        np.array(1.0),
    )
    arrays = {field: getattr(forest, field) for field in FIELDS}
    with pytest.raises(DataError, match="expected trees of at most 10000 levels"):
        read_forest(Path("f"), "rat1", arrays, N_FEATURES, N_CLASSES)
