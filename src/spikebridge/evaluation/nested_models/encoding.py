"""Encoding rows of ladder.csv: bits/spike of every nested model of target spikes, its gain over the one before, tests.

Three gains are claimed and share one Holm correction, few enough for six recordings to decide: the linear source over
the target's history, seq2seq over the linear source, and both together over the history, the communication gain. The
other gains are descriptive. Gains and values come from the same fits, so gains add up.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikebridge.artifacts.nested_models import NestedModelRun
from spikebridge.artifacts.out_of_fold import Translation
from spikebridge.config import StatisticsConfig
from spikebridge.evaluation import leakage
from spikebridge.evaluation.inputs import Inputs
from spikebridge.evaluation.nested_models.decoding import COLUMNS
from spikebridge.evaluation.resampling import Resampling
from spikebridge.metrics import clustered
from spikebridge.statistics import holm, sign_flip, verdict_columns, verdict_of
from spikebridge.types.verdicts import Verdict

Array = NDArray[np.float64]
KIND, BITS, COMMUNICATION = "translation", "bits_per_spike", "communication_bits_per_spike"
HISTORY, SOURCES = "target_history", ("linear_source", "seq2seq")
FAMILY = "translation_ladder"


@dataclass(frozen=True)
class TranslationSteps:
    """The fitted nested models of target spikes.

    steps: name -> its trials, all in one order. units: recording, unit, fold, block, step, nats, spikes. order: every
    step. missing: step -> reason why it is left out.
    """

    steps: Mapping[str, Translation]
    units: pd.DataFrame
    order: tuple[str, ...]
    missing: Mapping[str, str]

    @property
    def last(self) -> str | None:
        """The last step with the source, if there is one and its reference, the target's history."""
        there = [s for s in SOURCES if s in self.steps]
        return there[-1] if there and HISTORY in self.steps else None


def read_encoding(run: NestedModelRun, inputs: Inputs) -> tuple[TranslationSteps, dict[str, Any]]:
    """The nested models of target spikes, and the leakage report over them.

    Raises DataError for a file that is missing or does not hold what it should, LeakageError as for models.
    """
    models, learned = run.read_encoding()
    steps: dict[str, Translation] = {}
    for name in models.fitted:
        rows = models.trials[models.trials["step"] == name].reset_index(drop=True).assign(nats_without_source=np.nan)
        steps[name] = Translation(name, rows, run.encoding)
    apart: Any = {
        "translations": {f"ladder/{name}": t for name, t in steps.items()},
        "training_intervals": {f"ladder/{name}": intervals for name, intervals in learned.items()},
    }
    report = leakage.check_results(replace(inputs, decisions={}, latents={}, **apart))
    return TranslationSteps(steps, models.units, tuple(models.models), models.missing), report


def encoding_table(
    steps: TranslationSteps, resampling: Resampling | None, settings: StatisticsConfig, rng: np.random.Generator
) -> pd.DataFrame:
    """One row a step, in order, with its gain over the step before, or the reason why it is left out.

    value, gain: bits/spike over all trials, with intervals under the same draws of clusters. p: sign flip over clusters
    of the gain in each. A last row, of another metric, holds the communication gain as value and as gain. resampling:
    of the steps' trials; None where every step is left out.
    """
    rows: list[dict[str, Any]] = []
    before = ""
    for step in steps.order:
        named = {"kind": KIND, "step": step, "metric": BITS, "reference": before, "family": ""}
        if step in steps.missing:
            rows.append({**named, **Verdict.LEFT_OUT.columns(reason=steps.missing[step]), "role": "descriptive"})
            continue
        assert resampling is not None  # it is of these steps
        translation = steps.steps[step]
        over = steps.steps[before] if before else None
        family = FAMILY if step in SOURCES and HISTORY in steps.steps else ""
        score = resampling.interval(_score(translation.nats, translation, resampling))
        rows.append({**named, **_gain(translation, over, resampling, settings, rng), "family": family, **score})
        before = step
    if steps.last is not None and resampling is not None:
        translation, over = steps.steps[steps.last], steps.steps[HISTORY]
        gain = _gain(translation, over, resampling, settings, rng)
        named = {"kind": KIND, "step": steps.last, "metric": COMMUNICATION, "reference": HISTORY, "family": FAMILY}
        value = {"value": gain["gain"], "ci_low": gain["gain_low"], "ci_high": gain["gain_high"]}
        rows.append({**named, **gain, **value})
    return _tested(pd.DataFrame(rows, columns=COLUMNS), resampling.clusters.kind if resampling else "", settings.alpha)


def _gain(
    translation: Translation, over: Translation | None, resampling: Resampling, settings: StatisticsConfig,
    rng: np.random.Generator,
) -> dict[str, Any]:  # fmt: skip
    row: dict[str, Any] = {
        "n": len(translation.table),
        "n_effective": len(translation.table),
        "n_clusters": len(resampling.clusters),
    }
    if over is None:
        return row
    score = _score(translation.nats - over.nats, translation, resampling)
    interval = resampling.interval(score)
    test = sign_flip(score(np.eye(len(resampling.clusters))), rng, "greater", settings.n_resamples)
    gain = {"gain": interval["value"], "gain_low": interval["ci_low"], "gain_high": interval["ci_high"]}
    return {**row, **gain, "p": test.p, "n_clusters": test.n, "smallest_attainable_p": test.smallest}


def _score(nats: Array, of: Translation, resampling: Resampling) -> clustered.Score:
    return clustered.ratio(nats / np.log(2), of.spikes, resampling.clusters.index)


def _tested(table: pd.DataFrame, kind: str, alpha: float) -> pd.DataFrame:
    """With Holm within the family and verdicts; other rows are descriptive."""
    family = table.index[table["family"].ne("")]
    table["role"] = np.where(table["family"].ne(""), "ladder", "descriptive")
    for column, value in Verdict.DESCRIPTIVE.columns().items():
        table[column] = table[column].astype(object).where(table[column].notna(), value)
    if len(family):
        table.loc[family, "p_holm"] = holm(table.loc[family, "p"].to_numpy(np.float64))
    for k in family:
        of = table.loc[k]
        name = "communication" if of["metric"] == COMMUNICATION else of["step"]
        verdict = verdict_of(of["p_holm"], of["smallest_attainable_p"], len(family), alpha)
        columns = verdict_columns(verdict, name, kind, len(family), alpha)
        table.loc[k, list(columns)] = list(columns.values())
    return table
