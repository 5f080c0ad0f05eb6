"""What seq2seq adds over linear translators: values, intervals by a bootstrap written out, what the data look like."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from spikebridge.artifacts.evaluation import EvaluationRun
from spikebridge.artifacts.evaluation_tables import BEYOND_LINEAR, BEYOND_LINEAR_TABLE
from spikebridge.artifacts.out_of_fold import Translation
from spikebridge.config import StatisticsConfig
from spikebridge.evaluation.beyond_linear import MARGIN, Appearance, beyond_linear_score, beyond_linear_table
from spikebridge.evaluation.resampling import Resampling
from spikebridge.statistics import cluster_bootstrap
from spikebridge.tracking.result_lines import beyond_linear_lines

SETTINGS = StatisticsConfig(n_resamples=400, cluster="block")
RECORDINGS, BLOCKS, TRIALS, SPIKES = 3, 4, 10, 50.0


def translations(bits: Mapping[str, float], noise: float = 0.02, seed: int = 0) -> dict[str, Translation]:
    """model -> source bits/spike, with independent noise in each block. The baseline has 0.3 bits/spike."""
    rng = np.random.default_rng(seed)
    names = np.repeat([f"day{r}" for r in range(RECORDINGS)], BLOCKS * TRIALS)
    fold = np.tile(np.repeat(np.arange(BLOCKS), TRIALS), RECORDINGS)
    known = 0.3 * SPIKES * np.log(2)
    table = pd.DataFrame({"recording": names, "trial": np.arange(len(names)), "fold": fold, "spikes": SPIKES})
    table["block"] = table["recording"] + "/" + table["fold"].astype(str)
    made = {}
    for model, value in bits.items():
        of_block = value + noise * rng.normal(size=RECORDINGS * BLOCKS)
        nats = known + np.repeat(of_block, TRIALS) * SPIKES * np.log(2)
        made[model] = Translation(model, table.assign(nats=nats, nats_without_source=known), Path())
    return made


def table_of(made: Mapping[str, Translation], settings: StatisticsConfig = SETTINGS) -> pd.DataFrame:
    resampling = Resampling.of(made["seq2seq"].table, settings, np.random.default_rng(1))
    return beyond_linear_table(made, resampling, settings)


def test_differences_and_intervals_are_those_of_a_bootstrap_written_out() -> None:
    made = translations({"seq2seq": 0.2, "ridge": 0.1, "poisson_glm": 0.12})
    table = table_of(made)
    assert list(table.columns) == list(BEYOND_LINEAR)
    assert list(dict.fromkeys(table["recording"])) == ["all", "day0", "day1", "day2"]
    assert table.loc[table["best"], "linear"].eq("poisson_glm").all() and table["best"].sum() == 4
    row = table[(table["recording"] == "all") & table["best"]].iloc[0]
    blocks = {m: t.from_source.reshape(-1, TRIALS).sum(axis=1) / np.log(2) for m, t in made.items()}
    gain = blocks["seq2seq"] - blocks["poisson_glm"]
    resampling = Resampling.of(made["seq2seq"].table, SETTINGS, np.random.default_rng(1))
    draws = [np.sum(w * gain) / (np.sum(w) * TRIALS * SPIKES) for w in resampling.weights]
    tail = cluster_bootstrap.tail(len(gain), SETTINGS.alpha)
    expected = [gain.sum() / (len(gain) * TRIALS * SPIKES), *np.quantile(draws, [tail, 1 - tail])]
    assert [row["difference"], row["ci_low"], row["ci_high"]] == pytest.approx(expected)
    assert row["source_bits_seq2seq"] - row["source_bits_linear"] == pytest.approx(row["difference"])
    alone = table[(table["recording"] == "day1") & (table["linear"] == "ridge")].iloc[0]
    of_day = (blocks["seq2seq"] - blocks["ridge"])[BLOCKS : 2 * BLOCKS]
    assert alone["difference"] == pytest.approx(of_day.sum() / (BLOCKS * TRIALS * SPIKES))
    assert alone["ci_low"] < alone["difference"] < alone["ci_high"]


@pytest.mark.parametrize(
    ("ours", "linear", "noise", "looks"),
    [
        (0.2, 0.12, 0.01, Appearance.BEYOND_LINEAR),
        (0.104, 0.1, 0.002, Appearance.LINEAR),  # better, and shown to be, but by less than the margin
        (0.08, 0.1, 0.002, Appearance.LINEAR),
        (0.1 * (1 + MARGIN), 0.1, 0.02, Appearance.UNDECIDED),
        (0.05, -0.01, 0.005, Appearance.BEYOND_LINEAR),
        (0.001, 0.0005, 0.0, Appearance.NOTHING),
        (-0.01, -0.05, 0.001, Appearance.NOTHING),
    ],
)
def test_what_the_data_look_like(ours: float, linear: float, noise: float, looks: Appearance) -> None:
    score = beyond_linear_score(table_of(translations({"seq2seq": ours, "ridge": linear}, noise)))
    assert score["looks"] == looks.value
    assert score["margin"] == MARGIN and score["linear"] == "ridge"


def test_too_few_clusters_decide_nothing() -> None:
    made = translations({"seq2seq": 0.2, "ridge": 0.1})
    single_block = {
        m: Translation(m, t.table[t.table["block"] == "day0/0"].reset_index(drop=True), Path()) for m, t in made.items()
    }
    table = table_of(single_block)
    assert table["ci_low"].isna().all() and set(table["looks"]) == {"undecided"}


def test_without_either_kind_there_is_no_table() -> None:
    made = translations({"seq2seq": 0.2, "ridge": 0.1, "target_history": 0.5})
    assert table_of({"seq2seq": made["seq2seq"], "target_history": made["target_history"]}).empty
    assert beyond_linear_table({"ridge": made["ridge"]}, None, SETTINGS).empty
    assert beyond_linear_score(beyond_linear_table({}, None, SETTINGS)) == {}
    unknown = made["ridge"].table.assign(nats_without_source=np.nan)
    assert table_of({"seq2seq": made["seq2seq"], "ridge": Translation("ridge", unknown, Path())}).empty


def test_evaluate_writes_it_and_results_say_it(out: Path) -> None:
    """The fake study has a gain of 0.9 for seq2seq and of 0.5 for ridge."""
    run = EvaluationRun(out)
    table, metrics = run.read_table(BEYOND_LINEAR_TABLE), run.read_metrics()
    assert table is not None and table.loc[0, "recording"] == "all"
    score, of_models = metrics["beyond_linear"], metrics["translation"]
    known = {m: of_models[m]["source_bits_per_spike"]["value"] for m in ("seq2seq", "ridge")}
    assert score["source_bits_per_spike"] == pytest.approx(known)
    assert score["value"] == pytest.approx(known["seq2seq"] - known["ridge"])
    assert score["looks"] == table.loc[0, "looks"]
    (line,) = beyond_linear_lines(metrics)
    assert line.startswith("Over the best linear translator (source bits/spike: seq2seq ")
    assert f"the data look: {score['looks']} (margin 10% of ridge)" in line
    assert not list(beyond_linear_lines({}))
