"""Which trials belong together when uncertainty is counted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikebridge.errors import ConfigError

MIN_RECORDINGS = 6
"""With six recordings a one-sided sign flip reaches 1/64, and 3/64 < 0.05 after Holm over three tests."""


@dataclass(frozen=True)
class Clusters:
    """kind: "recording", "block" or "animal". names: (cluster,). index: (trial,), number of each trial's cluster."""

    kind: str
    names: tuple[str, ...]
    index: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.names)


def clusters_of(table: pd.DataFrame, rule: str, animals: Mapping[str, str] | None = None) -> Clusters:
    """Clusters of a table of trials with the columns recording and block.

    rule: auto (recordings where there are at least six, else contiguous test blocks), recording, block or animal.
    Blocks of one recording are not fully independent: intervals over blocks speak for these recordings, not new ones.
    animals: recording -> animal, for the rule animal.
    """
    if rule == "auto":
        rule = "recording" if table["recording"].nunique() >= MIN_RECORDINGS else "block"
    groups = table["recording"].map(dict(animals or {})) if rule == "animal" else table[rule]
    if groups.isna().any():
        nameless = sorted(set(table["recording"][groups.isna()]))
        raise ConfigError(f"statistics.cluster = animal needs the animal of every recording, got none for {nameless}")
    index, names = pd.factorize(groups, sort=True)
    return Clusters(rule, tuple(str(n) for n in names), np.asarray(index, dtype=np.int64))
