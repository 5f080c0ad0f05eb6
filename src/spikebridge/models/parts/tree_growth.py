"""Random forests of scikit-learn, tree for tree, in a third of the time.

Of the millisecond that scikit-learn takes for a tree of a hundred trials, most goes into checks and copies of settings
that are the same for all trees. Here its splitter and builder are called for each tree, with the random states that its
forest would give them. They are not part of its public interface: where a version of it grows other trees or has no
such parts, its public classes are used.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spikebridge.models.parts.forest import Forest, from_sklearn, from_trees

MAX_SEED = np.iinfo(np.int32).max
Labels = NDArray[np.int64]


@dataclass(frozen=True)
class Growth:
    """How a forest is grown: settings of scikit-learn's forests, under its names.

    extra: extremely randomised trees, each grown on all trials with classes weighted equally (Geurts et al. 2006);
    otherwise best splits, each tree grown on a bootstrap sample (Breiman 2001).
    """

    n_estimators: int
    max_features: float
    min_samples_leaf: int
    extra: bool = False


def grow(x: NDArray[np.floating], label: Labels, growth: Growth, seed: int) -> Forest:
    """The forest that scikit-learn grows on features (trial, feature) and labels (trial,) of two classes or more."""
    return (grow_directly if direct_growth_agrees() else grow_publicly)(x, label, growth, seed)


def grow_publicly(x: NDArray[np.floating], label: Labels, growth: Growth, seed: int) -> Forest:
    """`grow` by the public classes."""
    from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier

    forest: Callable[..., Any] = ExtraTreesClassifier if growth.extra else RandomForestClassifier
    settings: dict[str, Any] = {
        "max_features": growth.max_features,
        "min_samples_leaf": growth.min_samples_leaf,
        "class_weight": "balanced" if growth.extra else None,
    }
    return from_sklearn(forest(growth.n_estimators, **settings, random_state=seed, n_jobs=1).fit(x, label))


def grow_directly(x: NDArray[np.floating], label: Labels, growth: Growth, seed: int) -> Forest:
    """`grow` by the parts that the public classes are made of."""
    from sklearn.tree._criterion import Gini
    from sklearn.tree._splitter import BestSplitter, RandomSplitter
    from sklearn.tree._tree import DepthFirstTreeBuilder, Tree
    from sklearn.utils import check_random_state

    x = np.ascontiguousarray(x, dtype=np.float32)
    classes, index = np.unique(label, return_inverse=True)
    n, n_features = x.shape
    n_classes = np.array([len(classes)], dtype=np.intp)
    y = np.ascontiguousarray(index[:, None], dtype=np.float64)
    balanced = (n / (len(classes) * np.bincount(index)))[index]
    leaf, max_features = growth.min_samples_leaf, max(1, int(growth.max_features * n_features))
    splitter_class = RandomSplitter if growth.extra else BestSplitter
    forest_state, trees = check_random_state(seed), []
    for _ in range(growth.n_estimators):
        tree_seed = forest_state.randint(MAX_SEED)
        drawn = np.bincount(check_random_state(tree_seed).randint(0, n, n), minlength=n).astype(np.float64)
        state = check_random_state(tree_seed)
        splitter = splitter_class(Gini(1, n_classes), max_features, leaf, 0.0, state, None)
        tree = Tree(n_features, n_classes, 1)
        DepthFirstTreeBuilder(splitter, 2 * leaf if leaf > 1 else 2, leaf, 0.0, MAX_SEED, 0.0).build(
            tree, x, y, balanced if growth.extra else drawn, None
        )
        trees.append(tree)
    return from_trees(trees, classes, n_features)


@cache
def direct_growth_agrees() -> bool:
    """Whether both ways grow the same small forests. Any error of parts that are not public means that they do not."""
    rng = np.random.default_rng(0)
    x, label = rng.poisson(1.0, (40, 6)).astype(np.float32), rng.integers(0, 2, 40)
    for extra in (False, True):
        growth = Growth(3, 0.5, 2, extra)
        try:
            direct = grow_directly(x, label, growth, 1)
        except Exception:
            return False
        public = grow_publicly(x, label, growth, 1)
        if any(not np.array_equal(a, b) for a, b in zip(vars(direct).values(), vars(public).values(), strict=True)):
            return False
    return True
