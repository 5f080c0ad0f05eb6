"""What studies of crossed recordings claim: every claim is false, because no link exists.

Two tables, one row each: what the source adds, by translator, over a shift and in each of its recordings; and every
test whose null hypothesis is true. Tests are those that `evaluate` reports, and the declared ones again with test
blocks as clusters: over all recordings of a shift, and within each of them, where few recordings decide nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from spikebridge.artifacts.evaluation import EvaluationRun
from spikebridge.artifacts.out_of_fold import Decisions, Translation
from spikebridge.artifacts.splits import SPLITS_FILE
from spikebridge.calibration.outcomes import COLUMNS, NULLS, claims_of_comparisons, claims_of_study
from spikebridge.calibration.scenarios import CROSSED
from spikebridge.config import StatisticsConfig
from spikebridge.config.declared_tests import BASELINE, DECIDING, TRANSLATING
from spikebridge.evaluation import EvaluationSections
from spikebridge.evaluation.comparisons import compare
from spikebridge.evaluation.inputs import Inputs, read
from spikebridge.evaluation.resampling import Resampling
from spikebridge.evaluation.translation_scores import source_score
from spikebridge.types.verdicts import TranslationVerdict

LEAST_BITS = -0.002
"""Bits/spike: what the source adds may not be less, for any translator."""
ALL = "all"
AS_REPORTED, BLOCKS, WITHIN = "as reported", "blocks", "blocks of one recording"
"""Clusters of a test: those of the product; test blocks of all recordings of a shift; those of one recording."""
ADDED = ["shift", "recording", "model", "source_bits", "ci_low", "ci_high", "translates"]
CLAIMS = ["shift", "recording", "clusters", *COLUMNS]


@dataclass(frozen=True)
class CrossedTables:
    """What studies of crossed recordings found.

    Parameters
    ----------
    added : pandas.DataFrame
        Columns ADDED: bits/spike that the source adds to the baseline, with an interval over clusters (test blocks
        where there are few recordings). recording: of which, or "all". translates: whether the verdict claims that the
        source predicts the target; missing for a single recording.
    claims : pandas.DataFrame
        Columns CLAIMS: every test whose null hypothesis is true, and whether it claims something; see
        `outcomes.claims_of_study`.
    """

    added: pd.DataFrame
    claims: pd.DataFrame

    @staticmethod
    def joined(parts: Sequence[CrossedTables]) -> CrossedTables:
        """Join the tables of several shifts.

        Parameters
        ----------
        parts : sequence of CrossedTables
            One for each shift.

        Returns
        -------
        CrossedTables
            Rows in the order of the parts.
        """
        tables = [[getattr(part, name) for part in parts] for name in ("added", "claims")]
        return CrossedTables(*(pd.concat(each, ignore_index=True) for each in tables))


def tables_of_shift(sections: EvaluationSections, place: Path, shift: int) -> CrossedTables:
    """The tables of one shift, from its folder."""
    inputs = read(sections.models, place / "windows", place / SPLITS_FILE.name, place / "train")
    run = EvaluationRun(place / "evaluation")
    claims = [claims_of_study(run.folder, CROSSED).assign(recording=ALL, clusters=AS_REPORTED)]
    by_block = sections.statistics.model_copy(update={"cluster": "block"})
    claims.append(_declared(inputs, by_block, sections.seed).assign(recording=ALL, clusters=BLOCKS))
    for name in inputs.recordings:
        of_one = _declared(of_recording(inputs, name), by_block, sections.seed)
        claims.append(of_one.assign(recording=name, clusters=WITHIN))
    added = pd.DataFrame(list(_added(inputs, run.read_metrics(), by_block, sections.seed)), columns=ADDED[1:])
    return CrossedTables(
        added.assign(shift=shift)[ADDED], pd.concat(claims, ignore_index=True).assign(shift=shift)[CLAIMS]
    )


def _added(inputs: Inputs, metrics: dict[str, Any], by_block: StatisticsConfig, seed: int) -> Iterator[tuple[Any, ...]]:
    """Rows of ADDED without the shift."""
    for model in inputs.translations:
        entry = metrics["translation"][model]
        score, verdict = entry["source_bits_per_spike"], entry.get("verdict")
        if verdict:
            yield (
                ALL,
                model,
                score["value"],
                score["ci_low"],
                score["ci_high"],
                TranslationVerdict.of(verdict) is TranslationVerdict.TRANSLATES,
            )
            for name in inputs.recordings:
                part = of_recording(inputs, name).translations[model]
                blocks = Resampling.of(part.table, by_block, np.random.default_rng(seed))
                score = blocks.interval(source_score(part, blocks.clusters.index))
                yield (name, model, score["value"], score["ci_low"], score["ci_high"], None)


def _declared(inputs: Inputs, settings: StatisticsConfig, seed: int) -> pd.DataFrame:
    """COLUMNS of the declared tests with these clusters."""
    inputs = replace(
        inputs,
        decisions={m: d for m, d in inputs.decisions.items() if m in (*DECIDING, BASELINE)},
        translations={m: t for m, t in inputs.translations.items() if m in TRANSLATING},
    )
    tables = [d.table for d in inputs.decisions.values()], [t.table for t in inputs.translations.values()]
    deciding, translating = (
        Resampling.of(each[0], settings, np.random.default_rng([seed, k]), inputs.animals) if each else None
        for k, each in enumerate(tables)
    )
    compared = compare(inputs, deciding, translating, settings, np.random.default_rng([seed, 2]))
    rows = [row.row() for row in compared if row.role == "primary"]
    return claims_of_comparisons(pd.DataFrame(rows), NULLS[CROSSED]) if rows else pd.DataFrame(columns=COLUMNS)


def of_recording(inputs: Inputs, name: str) -> Inputs:
    """The same with the windows, decisions and translations of one recording alone.

    Parameters
    ----------
    inputs : Inputs
        Results of all models.
    name : str
        The recording.

    Returns
    -------
    Inputs
        Latents, manifest and histories are those of all recordings.
    """
    return replace(
        inputs,
        windows={name: inputs.windows[name]},
        decisions={m: _decisions(d, name) for m, d in inputs.decisions.items()},
        translations={m: _translation(t, name) for m, t in inputs.translations.items()},
    )


def _decisions(d: Decisions, name: str) -> Decisions:
    in_recording = (d.table["recording"] == name).to_numpy()
    arrays = (d.label[in_recording], d.predicted[in_recording], d.probabilities[in_recording], d.evidence[in_recording])
    return Decisions(d.model, d.table[in_recording].reset_index(drop=True), *arrays)


def _translation(t: Translation, name: str) -> Translation:
    return replace(t, table=t.table[t.table["recording"] == name].reset_index(drop=True))
