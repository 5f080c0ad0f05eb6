"""Ensembles of decision trees as plain arrays: taken from scikit-learn after the fit, saved as safetensors.

A file of arrays is the same for the same trees, can be checked before it is used, and does not depend on the version of
scikit-learn. Probabilities are those of scikit-learn, bit for bit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from spikebridge.errors import DataError

MAX_DEPTH = 10_000
CHUNK = 256  # trials that are predicted together
FIELDS = dict.fromkeys(("classes", "n_features"), "int64")
FIELDS |= dict.fromkeys(("first", "left", "right", "feature"), "int32")
FIELDS |= dict.fromkeys(("threshold", "value", "prior", "learning_rate"), "float64")
Array = NDArray[Any]


@dataclass(frozen=True)
class Forest:
    """Trees one after the other. A trial goes left where x[feature] <= threshold.

    classes: (class,), those of the training labels. n_features: scalar. first: (tree,), the root of each tree.
    left, right: (node,), numbers of the children, -1 in a leaf. feature, threshold: (node,). value: (node, class),
    class shares, or (node, 1), the increment of the log odds by a boosted tree. prior: (output,), initial log odds of
    boosting; empty where the trees are averaged (Breiman 2001). learning_rate: scalar, of boosting (Friedman 2001).
    """

    classes: Array
    n_features: Array
    first: Array
    left: Array
    right: Array
    feature: Array
    threshold: Array
    value: Array
    prior: Array
    learning_rate: Array

    def predict_proba(self, x: Array) -> NDArray[np.float64]:
        """(trial, feature) -> (trial, class)."""
        x = np.asarray(x, dtype=np.float32)
        parts = [self._probabilities(x[start : start + CHUNK]) for start in range(0, len(x), CHUNK)]
        return np.concatenate([np.empty((0, len(self.classes))), *parts])

    def _probabilities(self, x: Array) -> NDArray[np.float64]:
        leaves = self._leaves(x)
        if not len(self.prior):
            shares = np.zeros((len(x), len(self.classes)))
            for tree in leaves.T:
                shares += self.value[tree]
            return shares / len(self.first)
        odds = np.tile(self.prior, (len(x), 1))
        for number, tree in enumerate(leaves.T):
            odds[:, number % len(self.prior)] += self.learning_rate * self.value[tree, 0]
        if len(self.prior) == 1:
            second = expit(odds)
            return np.hstack([1 - second, second])
        shares = np.exp(odds - odds.max(axis=1, keepdims=True))
        return np.asarray(shares / shares.sum(axis=1, keepdims=True))

    def _leaves(self, x: Array) -> Array:
        """(trial, tree), the leaf that each trial reaches."""
        at = np.tile(self.first.astype(np.int64), (len(x), 1))
        rows, trees = np.nonzero(self.left[at] >= 0)
        while len(rows):
            node = at[rows, trees]
            goes_left = x[rows, self.feature[node]] <= self.threshold[node]
            node = np.where(goes_left, self.left[node], self.right[node])
            at[rows, trees] = node
            inner = self.left[node] >= 0
            rows, trees = rows[inner], trees[inner]
        return at


def from_sklearn(ensemble: Any) -> Forest:
    """A fitted RandomForestClassifier, ExtraTreesClassifier or GradientBoostingClassifier as arrays."""
    trees = [e.tree_ for e in np.ravel(ensemble.estimators_)]
    if not hasattr(ensemble, "_raw_predict_init"):
        return from_trees(trees, ensemble.classes_, ensemble.n_features_in_)
    prior = ensemble._raw_predict_init(np.zeros((1, ensemble.n_features_in_), np.float32))[0]
    return from_trees(trees, ensemble.classes_, ensemble.n_features_in_, prior, ensemble.learning_rate)


def from_trees(
    trees: Sequence[Any], classes: Array, n_features: int, prior: Array | None = None, learning_rate: float = 1.0
) -> Forest:
    """Trees of scikit-learn as arrays. prior, learning_rate: of boosted trees; None where the trees are averaged."""
    counts = [t.node_count for t in trees]
    start = np.cumsum([0, *counts[:-1]])
    shift = np.repeat(start, counts)
    left, right = (
        np.where(side >= 0, side + shift, -1)
        for side in (np.concatenate([getattr(t, f"children_{end}") for t in trees]) for end in ("left", "right"))
    )
    inner = left >= 0
    made = {
        "classes": classes,
        "n_features": np.array(n_features),
        "first": start,
        "left": left,
        "right": right,
        "feature": np.where(inner, np.concatenate([t.feature for t in trees]), 0),
        "threshold": np.where(inner, np.concatenate([t.threshold for t in trees]), 0.0),
        "value": np.concatenate([t.value[:, 0, :] for t in trees]),
        "prior": np.empty(0) if prior is None else prior,
        "learning_rate": np.array(learning_rate),
    }
    return Forest(**{name: made[name].astype(dtype) for name, dtype in FIELDS.items()})


def merged(forests: Sequence[tuple[Forest, NDArray[np.int64]]], n_features: int) -> Forest:
    """The trees of averaged forests of the same classes as one forest. Each forest has the columns that it saw."""
    parts = [forest for forest, _ in forests]
    start = np.cumsum([0, *(len(f.left) for f in parts[:-1])])
    shifted = {
        name: np.concatenate([np.where(side >= 0, side + at, -1) for side, at in zip(sides, start, strict=True)])
        for name, sides in (("left", [f.left for f in parts]), ("right", [f.right for f in parts]))
    }
    made = {
        "n_features": np.array(n_features),
        "first": np.concatenate([f.first + at for f, at in zip(parts, start, strict=True)]),
        "feature": np.concatenate([columns[f.feature] for f, columns in forests]),
        **{name: np.concatenate([getattr(f, name) for f in parts]) for name in ("threshold", "value")},
        **{name: getattr(parts[0], name) for name in ("classes", "prior", "learning_rate")},
        **shifted,
    }
    return Forest(**{name: made[name].astype(dtype) for name, dtype in FIELDS.items()})


def named_arrays(forests: Mapping[str, Forest], order: Sequence[str]) -> dict[str, Array]:
    """For saving: "<number of the recording>.<field>"; `read_forest` reads the fields of one recording."""
    return {
        f"{i}.{name}": getattr(forests[recording], name)
        for i, recording in enumerate(order)
        if recording in forests
        for name in FIELDS
    }


def read_forest(path: Path, label: str, arrays: Mapping[str, Array], n_features: int, n_classes: int) -> Forest:
    """A forest from its arrays, checked. label: its name in error messages.

    Raises DataError where an array is missing or of another kind, or where following a tree could leave its nodes or
    never end.
    """

    def wrong(reason: str) -> DataError:
        return DataError(f"{path}: trees of {label}: {reason}")

    if set(arrays) != set(FIELDS):
        odd = sorted(set(arrays) ^ set(FIELDS))[0]
        raise wrong(f"expected the arrays {', '.join(FIELDS)}, {'lacks' if odd in FIELDS else 'also has'} {odd[:80]!r}")
    for name, dtype in FIELDS.items():
        if arrays[name].dtype != np.dtype(dtype):
            raise wrong(f"expected {name!r} as {dtype}, got {arrays[name].dtype}")
    forest = Forest(**arrays)
    nodes, classes = len(np.atleast_1d(forest.left)), forest.classes
    shapes = {"left": (nodes,), "right": (nodes,), "feature": (nodes,), "threshold": (nodes,), "learning_rate": ()}
    shapes["n_features"] = ()
    if (
        classes.ndim != 1
        or not len(classes)
        or (np.diff(classes) <= 0).any()
        or not 0 <= classes[0] <= classes[-1] < n_classes
    ):
        raise wrong(f"expected 'classes' as rising numbers below {n_classes}")
    outputs = 1 if len(classes) == 2 else len(classes)
    boosted = forest.prior.shape != (0,)
    shapes |= {"value": (nodes, 1 if boosted else len(classes)), "prior": (outputs if boosted else 0,)}
    for name, shape in shapes.items():
        if getattr(forest, name).shape != shape:
            raise wrong(f"expected {name!r} of shape {shape}, got {getattr(forest, name).shape}")
    if forest.n_features != n_features:
        raise wrong(f"expected {n_features} features as the settings and units give, got {forest.n_features}")
    if reason := _branch_error(forest, nodes, n_features):
        raise wrong(reason)
    if boosted and len(forest.first) % outputs:
        raise wrong(f"expected a multiple of {outputs} trees, got {len(forest.first)}")
    leaf = forest.value[forest.left < 0]
    if not boosted and ((leaf < 0).any() or (np.abs(leaf.sum(axis=1) - 1) > 1e-6).any()):
        raise wrong("expected shares of the classes in each leaf, with the sum 1")
    return forest


def _branch_error(forest: Forest, nodes: int, n_features: int) -> str:
    """What is wrong with the branches; empty where every node is reached once, from the root of its tree."""
    first, left, right = (a.astype(np.int64) for a in (forest.first, forest.left, forest.right))
    if first.ndim != 1 or not len(first) or first[0] != 0 or (np.diff(first) <= 0).any() or first[-1] >= nodes:
        return f"expected 'first' as rising numbers from 0 to below {nodes}"
    inner = left >= 0
    if ((left == -1) != (right == -1)).any() or (left < -1).any() or (right < -1).any():
        return "expected two children of a node, or -1 for both"
    node = np.arange(nodes)
    end = np.append(first[1:], nodes)[np.searchsorted(first, node, side="right") - 1]
    for children in (left, right):
        out = inner & ((children <= node) | (children >= end))
        if out.any():
            at = int(np.flatnonzero(out)[0])
            return f"the child {children[at]} of node {at} is not a later node of the same tree"
    parents = np.bincount(np.concatenate([left[inner], right[inner]]), minlength=nodes)
    if (parents != np.where(np.isin(node, first), 0, 1)).any():
        return "expected one parent of each node, and none of a root"
    feature = forest.feature[inner]
    if ((feature < 0) | (feature >= n_features)).any():
        return f"expected features from 0 to {n_features - 1}, got {feature.min()} to {feature.max()}"
    level, depth = first, 0
    while len(level := level[inner[level]]):
        level, depth = np.concatenate([left[level], right[level]]), depth + 1
        if depth > MAX_DEPTH:
            return f"expected trees of at most {MAX_DEPTH} levels"
    return ""
