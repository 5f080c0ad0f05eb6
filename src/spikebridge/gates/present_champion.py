"""The gate: not worse than the present champion, on the very same held-out trials.

Two one-sided tests (Schuirmann 1987) on the paired differences of the recordings, however few these are: of two models
that are equally good on the whole, one is better throughout a recording, and a test over blocks takes that for the
models (evaluation.comparisons). `statistics.cluster` can name another cluster. The new model passes where the
difference in balanced accuracy within test blocks (new - champion) is shown to lie above -margin
(`statistics.equivalence_margin`): then it is better, equivalent, or at least not worse by as much as matters. No
difference found is not enough, and with one recording nothing can be shown: then a person decides.

What it cannot do: a chain of champions, each a little worse than the one before but within the margin, can wander
downhill (D'Agostino et al. 2003, Stat Med 22:169, "biocreep"); the tags name every predecessor, so that it can be
seen. And the outer trials are looked at once a registration: a hundred versions on one split are a hundred looks.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikebridge.artifacts.training import Decisions, TrainingRun
from spikebridge.artifacts.windows import load_animals
from spikebridge.config import Config
from spikebridge.errors import DataError
from spikebridge.evaluation.resampling import Clusters, clusters_of
from spikebridge.evaluation.scores import within_blocks
from spikebridge.gates.gate import Gate
from spikebridge.statistics.equivalence import equivalence


@dataclass(frozen=True)
class Champion:
    """The version that holds the alias champion.

    evidence: folder with its predictions.parquet; None where it carries none that can be read, and `problem` says why.
    gone: its files are not where they were registered, so that nobody can load it. recorded: what this gate said when
    it was registered. promoted_by: the person who made it champion, "" where the gates did.
    """

    version: int
    model: str
    fingerprint: str
    split_hash: str
    data_hash: str
    evidence: Path | None
    problem: str = ""
    gone: bool = False
    recorded: Gate | None = None
    promoted_by: str = ""

    def __str__(self) -> str:
        return f"version {self.version} ({self.model})"


@dataclass(frozen=True)
class Newcomer:
    """The version at hand; project: folder with data/ and runs/."""

    model: str
    fingerprint: str
    data_hash: str
    project: Path


def present_champion(config: Config, new: Newcomer, champion: Champion | None) -> Gate:
    """Raises DataError where the newcomer's own predictions cannot be read; the champion's are judged, not trusted."""
    if champion is None:
        return Gate(True, "there is no champion yet")
    if champion.fingerprint == new.fingerprint:
        # What it was held against then still stands: a version that a person put past this gate has not passed it
        return champion.recorded or Gate(True, f"{champion} is the champion already")
    trained = TrainingRun(new.project / "runs" / "train" / new.model)
    classes = trained.read_classes()
    ours = trained.read_decisions(new.model, classes)
    if champion.split_hash != str(ours.table["split_hash"].iloc[0]):
        cut = "another split of the same data" if champion.data_hash == new.data_hash else "other data, another split"
        return Gate(True, f"not comparable: {champion} was made on {cut}; the newer version takes its place")
    if champion.gone:
        return Gate(True, f"not comparable: the files of {champion} are gone; the newer version takes its place")
    if champion.evidence is None:
        return Gate(False, f"{champion} was made on this split, but cannot be compared with: {champion.problem}")
    try:
        theirs = TrainingRun(champion.evidence).read_decisions(champion.model, classes)
    except DataError as error:
        return Gate(False, f"the predictions of {champion} cannot be read: {error}")
    if not _same_trials(ours.table, theirs.table):
        return Gate(False, f"the predictions of {champion} are of other trials, folds or labels than this split has")
    rule = "recording" if config.statistics.cluster == "auto" else config.statistics.cluster
    animals = load_animals(new.project / "data" / "windows") if rule == "animal" else {}
    clusters = clusters_of(ours.table, rule, animals)
    difference = _differences(ours, theirs, clusters)
    settings = config.statistics
    return decide(difference, f"{new.model} - {champion}", clusters.kind, settings.equivalence_margin, settings.alpha)


def decide(difference: NDArray[np.float64], pair: str, kind: str, margin: float, alpha: float) -> Gate:
    """The gate for paired differences (cluster,) in balanced accuracy; NaN where a cluster has no score."""
    found = equivalence(difference, margin, alpha)
    if found.n < 2:
        return Gate(False, f"{pair}: too few {kind}s to decide: {found.n} with every class, and two is the least")
    said = (
        f"{pair} = {found.estimate:+.3f} balanced accuracy within blocks, {100 * (1 - 2 * alpha):g} % interval "
        f"[{found.ci_low:+.3f}, {found.ci_high:+.3f}] over {found.n} {kind}s, margin {margin:g}"
    )
    if found.ci_low > 0:
        return Gate(True, f"{said}: better")
    if found.equivalent:
        worse = " (worse, but by less than matters)" if found.ci_high < 0 else ""
        return Gate(True, f"{said}: equivalent{worse}, TOST p = {found.p:.3g}")
    if found.not_worse:
        return Gate(True, f"{said}: not worse, p = {found.p_not_worse:.3g}")
    if found.ci_high < 0:
        return Gate(False, f"{said}: worse")
    if found.needed > found.n:
        needed = f"about {found.needed:.0f}" if np.isfinite(found.needed) else "far more"
        return Gate(False, f"{said}: too few {kind}s to decide (needs {needed})")
    return Gate(False, f"{said}: neither better nor shown to be equivalent")


def _same_trials(ours: pd.DataFrame, theirs: pd.DataFrame) -> bool:
    """Whether both tables, sorted by recording and time, hold the same trials, folds, blocks and labels."""
    keys = ["recording", "trial", "fold", "block", "label", "split_hash"]
    return len(ours) == len(theirs) and all((ours[k].astype(str) == theirs[k].astype(str)).all() for k in keys)


def _differences(ours: Decisions, theirs: Decisions, clusters: Clusters) -> NDArray[np.float64]:
    n_classes = ours.probabilities.shape[1]
    return within_blocks(ours, clusters, n_classes) - within_blocks(theirs, clusters, n_classes)
