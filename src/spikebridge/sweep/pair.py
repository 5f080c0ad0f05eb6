"""The stage of one pair: tuned, fitted and scored by the code of the main pipeline, in the common folds.

The translator is tuned on inner folds (`fitting.tuning`) and predicts every test block (`fitting.training`); the nested
encoding models (`nested_models`) show what the source adds to the target's own past; lag and dimension come from the
counts (`evaluation.count_coupling`). What is kept of each trial are sums of log likelihoods, so that intervals and
tests are computed later, for all pairs together, and a changed alpha fits nothing again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikebridge import models
from spikebridge.artifacts.latents import missing_latents
from spikebridge.artifacts.nested_models import TRANSLATOR, EncodingModels
from spikebridge.artifacts.out_of_fold import Translation
from spikebridge.artifacts.splits import load_splits, save_splits
from spikebridge.artifacts.sweep import SPLITS, LagAndDimension, PairEstimates, PairRun, finite, windows_of
from spikebridge.artifacts.sweep_plan import SweepPlan
from spikebridge.artifacts.training import TrainingRun
from spikebridge.artifacts.tuning import TuningRun
from spikebridge.artifacts.windows import load_recording_windows, save_report, save_windows
from spikebridge.config import BaselineConfig, ComputeConfig, Sections, SweepConfig, TuneConfig
from spikebridge.errors import ConfigError
from spikebridge.evaluation import leakage
from spikebridge.evaluation.count_coupling import Coupling as CountCoupling
from spikebridge.evaluation.count_coupling import estimate_coupling
from spikebridge.evaluation.inputs import Inputs, read
from spikebridge.evaluation.nested_models.encoding import HISTORY, SOURCES
from spikebridge.evaluation.translation_scores import pairings, rates_and_counts, trial_shift_nats
from spikebridge.fitting import training, tuning
from spikebridge.metrics import DimensionEstimate, LagEstimate
from spikebridge.nested_models.encoding.models import TranslatorLatents, fit_encoding_models
from spikebridge.runtime.seeds import random_generator
from spikebridge.runtime.stage import remove
from spikebridge.splits import restricted
from spikebridge.statistics.nulls import NullResult, trial_shuffle
from spikebridge.sweep.prepare import pair_windows
from spikebridge.types import Windows

N_SHUFFLES = 10_000
"""Of the trial shuffle: p must be small enough to pass the correction for hundreds of pairs."""
TRANSLATORS = ("poisson_glm", "ridge", "reduced_rank", TRANSLATOR)
NO_LATENTS = f"the sweep's translator is not {TRANSLATOR}"


@dataclass(frozen=True)
class PairSections(Sections):
    """The sections of params.yaml that the stage of a pair uses.

    Parameters
    ----------
    seed : int
        Of every random stream.
    models : mapping
        Name -> settings; those of `sweep.model` are used.
    baseline, tune, compute, sweep : Section
        The sections of these names.
    """

    seed: int
    models: Mapping[str, Mapping[str, Any]]
    baseline: BaselineConfig
    tune: TuneConfig
    compute: ComputeConfig
    sweep: SweepConfig


def check_translator(name: str) -> None:
    """Refuse a model that is no translator from the source alone.

    Parameters
    ----------
    name : str
        `sweep.model`.

    Raises
    ------
    ConfigError
        For an unknown model, one that does not translate, or one that uses the target's past.
    """
    kind = models.get_class(name)
    if not kind.translates or not kind.from_source or kind.uses_target_past:
        raise ConfigError(
            f"sweep.model: expected a translator from the source alone, such as {', '.join(TRANSLATORS)}, got {name}"
        )


def fit_pair(sections: PairSections, prepared: Path, key: str, work: Path, out: Path) -> None:
    """Tune, fit and score one pair.

    Parameters
    ----------
    sections : PairSections
        The settings of the stage.
    prepared : Path
        What the stage prepare wrote.
    key : str
        Key of the pair in the plan.
    work : Path
        Folder for what is needed meanwhile; removed at the end. Studies of a killed stage are resumed from there.
    out : Path
        Gets trials.parquet and pair.json.

    Raises
    ------
    LeakageError
        Where a fit learned from what it is scored on.
    """
    plan, model = SweepPlan.read(prepared), sections.sweep.model
    check_translator(model)
    pair = plan.pair(key)
    windows, splits = work / "windows", work / SPLITS
    _write_inputs(plan, key, prepared, windows, splits)
    tuned, trained = work / "tune", work / "train" / model
    remove(tuned)
    remove(trained)
    tuning_sections = tuning.TuningSections.of(sections)
    tuning.tune(tuning_sections, model, windows, splits, work / "studies", tuned, full=False)
    run = sections.seed, sections.baseline, sections.compute
    training.train(model, *run, windows, splits, TuningRun(tuned).best, trained, lambda _: None)
    inputs = read([model], windows, splits, work / "train")
    leakage.check(inputs)
    translation = inputs.translations[model]
    encoding = _encoding(sections, inputs, TrainingRun(trained))
    shuffle = _shuffled(inputs, translation, random_generator(sections.seed, "sweep", "shuffle", key))
    coupling = estimate_coupling(inputs, sections.seed)
    estimates = PairEstimates(
        source=pair.source,
        target=pair.target,
        model=model,
        units={n: (w.source.shape[2], w.target.shape[2]) for n, w in inputs.windows.items()},
        coupling=_coupling(coupling.lag, coupling.dimension),
        couplings=_of_recordings(coupling),
        shuffle_p=finite(shuffle.p),
        shuffle_smallest_p=shuffle.smallest,
        steps=encoding.fitted,
        split_hash=inputs.splits.hash,
    )
    PairRun(out).write(_trials(inputs, translation, encoding), estimates)
    remove(work)


def _write_inputs(plan: SweepPlan, key: str, prepared: Path, windows: Path, splits: Path) -> None:
    """Write the windows of the pair, and the common folds for its recordings."""
    pair = plan.pair(key)
    remove(windows)
    windows.mkdir(parents=True)
    parts = []
    for name in pair.recordings:
        sides = [
            load_recording_windows(windows_of(prepared, plan.folders[r]), name) for r in (pair.source, pair.target)
        ]
        parts.append(pair_windows(*sides))
        save_windows(parts[-1], windows)
    about = {name: {"animal": plan.animals[name]} for name in pair.recordings}
    save_report({"classes": list(parts[0].classes), "recordings": about}, windows)
    save_splits(restricted(load_splits(prepared / SPLITS), parts), splits)


def _encoding(sections: PairSections, inputs: Inputs, translator: TrainingRun) -> EncodingModels:
    """The nested models of the target's spikes; with the latents of the translator where it is seq2seq."""
    missing, causal = NO_LATENTS, False
    if sections.sweep.model == TRANSLATOR:
        missing = missing_latents(translator.latents, inputs.splits)
        causal = sections.models[TRANSLATOR].get("causal") is True
    windows: Mapping[str, Windows] = inputs.windows
    latents = TranslatorLatents(translator, missing, causal)
    return fit_encoding_models(windows, inputs.splits, latents, sections.compute)


def _shuffled(inputs: Inputs, t: Translation, rng: np.random.Generator) -> NullResult:
    """The trial shuffle of a translation, the primary null of the main pipeline: it holds for these recordings."""
    blocks = [
        pairings(*rates_and_counts(inputs, t, str(recording), rows["trial"].to_numpy(np.int64)))
        for (recording, _), rows in t.table.groupby(["recording", "fold"], sort=True)
    ]
    return trial_shuffle.trial_shuffle(blocks, float(t.nats.sum()), float(t.spikes.sum()), rng, N_SHUFFLES)


def _trials(inputs: Inputs, t: Translation, encoding: EncodingModels) -> pd.DataFrame:
    """One row a test trial, with the log likelihoods (nats) that all scores are sums of."""
    last = next((step for step in reversed(SOURCES) if step in encoding.fitted), None)
    table = t.table.assign(trial_shift_nats=trial_shift_nats(inputs, t))
    for column, step in (("nats_of_history", HISTORY), ("nats_with_source_and_history", last)):
        table[column] = _nats_of(encoding, step, table)
    return table


def _nats_of(encoding: EncodingModels, step: str | None, table: pd.DataFrame) -> NDArray[np.float64]:
    """(trial,), in the order of the table; NaN for a step that is left out."""
    if step is None or step not in encoding.fitted:
        return np.full(len(table), np.nan)
    rows = encoding.trials[encoding.trials["step"] == step].set_index(["recording", "trial"])["nats"]
    at = pd.MultiIndex.from_frame(table[["recording", "trial"]])
    return rows.reindex(at).to_numpy(np.float64)


def _of_recordings(coupling: CountCoupling) -> dict[str, LagAndDimension]:
    return {name: _coupling(lag, coupling.dimensions[name]) for name, lag in coupling.lags.items()}


def _coupling(lag: LagEstimate, dimension: DimensionEstimate) -> LagAndDimension:
    return LagAndDimension(finite(lag.lag_s), finite(lag.ci_low), finite(lag.ci_high), int(dimension.dimension))
