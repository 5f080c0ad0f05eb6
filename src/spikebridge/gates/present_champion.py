"""The gate: not worse than the present champion, on the very same held-out trials.

Two one-sided tests (Schuirmann 1987, J Pharmacokinet Biopharm 15:657) on the paired differences of the recordings,
however few these are. A test over blocks would not do: of two equally good models one is often better throughout a
recording, and the blocks of that recording are not independent. `statistics.cluster` can name another cluster. The new
model passes if the difference in balanced accuracy within test blocks (new - champion) is shown to lie above -margin
(`statistics.equivalence_margin`): it is better, equivalent, or not worse by as much as matters. A difference that is
not significant is not enough. With one recording nothing can be shown: then a person decides.

Two limits. A chain of champions, each a little worse than the one before but within the margin, can get worse step by
step (D'Agostino et al. 2003, Stat Med 22:169, "biocreep"); the tags name every predecessor, so that people see it. And
each registration uses the outer trials once: a hundred versions on one split use them a hundred times.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikebridge.artifacts.out_of_fold import Decisions
from spikebridge.artifacts.training import TRAINING_FOLDER, TrainingRun
from spikebridge.artifacts.windows import WINDOWS_FOLDER, load_animals
from spikebridge.config import StatisticsConfig
from spikebridge.errors import DataError
from spikebridge.evaluation.resampling import Clusters, clusters_of
from spikebridge.evaluation.scores import within_blocks
from spikebridge.gates.criteria import Gate
from spikebridge.statistics.equivalence import equivalence


@dataclass(frozen=True)
class Champion:
    """The version that holds the alias champion.

    Parameters
    ----------
    version : int
        Its number in the registry.
    model : str
        The name of its model.
    fingerprint : str
        Digest of its saved files.
    split_hash, data_hash : str
        The folds and the data that it was made on.
    evidence : Path or None
        Folder with its predictions.parquet; None if they cannot be read, then `problem` says why.
    problem : str
        Why its predictions cannot be read.
    gone : bool
        Whether its files are missing where they were registered, so that nobody can load it.
    recorded : Gate or None
        The answer of this gate when the version was registered.
    promoted_by : str
        The person who made it champion; "" if the gates did.
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
    """The version that asks to become champion.

    Parameters
    ----------
    model : str
        The name of its model.
    fingerprint : str
        Digest of its saved files.
    data_hash : str
        The data that it was made on.
    project : Path
        The folder with data/, runs/ and reports/.
    """

    model: str
    fingerprint: str
    data_hash: str
    project: Path


def present_champion(settings: StatisticsConfig, new: Newcomer, champion: Champion | None) -> Gate:
    """The gate for the newcomer; champion: None if there is none yet.

    Raises DataError if the newcomer's own predictions cannot be read. If the champion's cannot, the gate fails.
    """
    if champion is None:
        return Gate(True, "there is no champion yet")
    if champion.fingerprint == new.fingerprint:
        # The comparison of that time still counts: a version that a person promoted past this gate has not passed it
        return champion.recorded or Gate(True, f"{champion} is the champion already")
    trained = TrainingRun(new.project / TRAINING_FOLDER / new.model)
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
    rule = "recording" if settings.cluster == "auto" else settings.cluster
    animals = load_animals(new.project / WINDOWS_FOLDER) if rule == "animal" else {}
    clusters = clusters_of(ours.table, rule, animals)
    difference = _differences(ours, theirs, clusters)
    return decide(difference, f"{new.model} - {champion}", clusters.kind, settings.equivalence_margin, settings.alpha)


def decide(difference: NDArray[np.float64], pair: str, kind: str, margin: float, alpha: float) -> Gate:
    """The gate for paired differences (cluster,) in balanced accuracy; NaN where a cluster has no score."""
    test = equivalence(difference, margin, alpha)
    if test.n < 2:
        return Gate(False, f"{pair}: too few {kind}s to decide: {test.n} with every class, and two is the least")
    result = (
        f"{pair} = {test.estimate:+.3f} balanced accuracy within blocks, {100 * (1 - 2 * alpha):g} % interval "
        f"[{test.ci_low:+.3f}, {test.ci_high:+.3f}] over {test.n} {kind}s, margin {margin:g}"
    )
    if test.ci_low > 0:
        return Gate(True, f"{result}: better")
    if test.equivalent:
        worse = " (worse, but by less than matters)" if test.ci_high < 0 else ""
        return Gate(True, f"{result}: equivalent{worse}, TOST p = {test.p:.3g}")
    if test.not_worse:
        return Gate(True, f"{result}: not worse, p = {test.p_not_worse:.3g}")
    if test.ci_high < 0:
        return Gate(False, f"{result}: worse")
    if test.needed > test.n:
        needed = f"about {test.needed:.0f}" if np.isfinite(test.needed) else "far more"
        return Gate(False, f"{result}: too few {kind}s to decide (needs {needed})")
    return Gate(False, f"{result}: neither better nor shown to be equivalent")


def _same_trials(ours: pd.DataFrame, theirs: pd.DataFrame) -> bool:
    """Whether both tables, sorted by recording and time, hold the same trials, folds, blocks and labels."""
    keys = ["recording", "trial", "fold", "block", "label", "split_hash"]
    return len(ours) == len(theirs) and all((ours[k].astype(str) == theirs[k].astype(str)).all() for k in keys)


def _differences(ours: Decisions, theirs: Decisions, clusters: Clusters) -> NDArray[np.float64]:
    n_classes = ours.probabilities.shape[1]
    return within_blocks(ours, clusters, n_classes) - within_blocks(theirs, clusters, n_classes)
