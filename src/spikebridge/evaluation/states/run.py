"""Tables and scores of the states: what evaluate adds where `analysis.states` names some."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from spikebridge.artifacts.evaluation_tables import STATE_DIFFERENCES_TABLE, STATES, STATES_TABLE
from spikebridge.config import AnalysisConfig, TrialsConfig
from spikebridge.errors import DataError
from spikebridge.evaluation.inputs import Inputs
from spikebridge.evaluation.states.coupling import StateCounts, state_couplings
from spikebridge.evaluation.states.differences import coupling_differences, difference_table, held_out_differences
from spikebridge.evaluation.states.held_out import (
    COMMUNICATION,
    TRANSLATION,
    HeldOutMeasure,
    communication_measure,
    held_out_bins,
    translation_measures,
)
from spikebridge.evaluation.states.values import ALL, Draws, Row, coupling_rows, held_out_rows, left_out_rows
from spikebridge.preprocess.states import StateBins, Timeline, find_states

MATCHED, AS_THEY_ARE = "matched", "as_they_are"
NO_TRANSLATOR = "no translator was trained"


def states_of(
    analysis: AnalysisConfig, trials: TrialsConfig, inputs: Inputs, ingested: Path | None
) -> dict[str, dict[str, StateBins]]:
    """State -> recording -> its bins; empty where no states are asked for. Raises as `find_states`."""
    if analysis.states is None:
        return {}
    if ingested is None:
        raise DataError("analysis.states: expected the ingested recordings, whose behaviour and intervals they need")
    timelines = (Timeline.load(ingested, name) for name in inputs.recordings)
    return find_states(analysis.states, trials, timelines, inputs.windows)


def state_tables(
    inputs: Inputs,
    states: Mapping[str, Mapping[str, StateBins]],
    translator: str,
    overall_lag_s: float,
    draws: Draws,
    nested_models_folder: Path | None,
) -> dict[str, pd.DataFrame]:
    """states.csv and state_differences.csv.

    Parameters
    ----------
    inputs : Inputs
        Windows and translations.
    states : mapping
        State -> recording -> its bins; see `states_of`.
    translator : str
        The model whose translation is tested; others are described.
    overall_lag_s : float
        Lag of all bins, seconds; NaN without a link.
    draws : Draws
        How clusters are drawn.
    nested_models_folder : pathlib.Path, optional
        Results of the stage nested_models.

    Returns
    -------
    dict of str to pandas.DataFrame
        Both tables; see spikebridge.artifacts.evaluation.

    Raises
    ------
    DataError
        Where nats of bins are missing or are not those of their trials.
    """
    rows: list[Row] = []
    differences: list[Row] = []
    gain: HeldOutMeasure | str = NO_TRANSLATOR
    if inputs.translations:
        data = held_out_bins(inputs, states)
        measures = translation_measures(inputs, data)
        gain = communication_measure(inputs, data, nested_models_folder)
        measures += [gain] if isinstance(gain, HeldOutMeasure) else []
        rows += [row for measure in measures for row in held_out_rows(measure, data, draws)]
        for row in held_out_differences(measures, data, draws):
            differences.append({**row, "tested": row["measure"] == COMMUNICATION or row["model"] == translator})
    else:
        rows += left_out_rows(TRANSLATION, list(states), NO_TRANSLATOR)
    if isinstance(gain, str):
        rows += left_out_rows(COMMUNICATION, list(states), gain)
    counts, seed = StateCounts.of(inputs.windows, states), draws.key[0]
    couplings = state_couplings(counts, overall_lag_s, seed)
    rows += [row for state, coupling in couplings.items() for row in coupling_rows(state, coupling, counts, draws)]
    differences += [{**row, "tested": True} for row in coupling_differences(counts, couplings, draws, seed)]
    table = pd.DataFrame(rows).reindex(columns=list(STATES))
    text = table[["model", "reason"]].fillna("")
    table = table.assign(model=text["model"], reason=text["reason"])
    return {STATES_TABLE: table, STATE_DIFFERENCES_TABLE: difference_table(differences, draws.settings.alpha)}


def state_scores(tables: Mapping[str, pd.DataFrame], translator: str) -> dict[str, Any]:
    """The part "states" of metrics.json.

    values: state -> measure -> value and interval, or the reason why there is none; translation is that of
    `translator`. differences: a -> b -> measure -> matched and as_they_are -> a less b, interval and test.
    """
    values, pairs = tables[STATES_TABLE], tables[STATE_DIFFERENCES_TABLE]
    of_interest = (values["recording"] == ALL) & _asked(values, translator)
    content: dict[str, Any] = {"values": {}, "differences": {}}
    for row in values[of_interest].to_dict("records"):
        known = np.isfinite(row["value"])
        score = {key: row[key] for key in ("value", "ci_low", "ci_high")} if known else {"reason": row["reason"]}
        content["values"].setdefault(row["state"], {})[row["measure"]] = score | {"n_bins": row["n_bins"]}
    for row in pairs[_asked(pairs, translator)].to_dict("records"):
        place = content["differences"].setdefault(row["state_a"], {}).setdefault(row["state_b"], {})
        keys = ("ci_low", "ci_high", "p", "p_holm", "n_bins_a", "n_bins_b", "verdict", "verdict_code")
        entry = {"value": row["difference"], **{key: row[key] for key in keys}}
        place.setdefault(row["measure"], {})[MATCHED if row["matched"] else AS_THEY_ARE] = entry
    return content


def _asked(table: pd.DataFrame, translator: str) -> pd.Series:
    return (table["measure"] != TRANSLATION) | (table["model"] == translator) | (table["model"] == "")
