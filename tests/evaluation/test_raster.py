"""tables/raster.csv: one trial as it was recorded and predicted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from fake_runs import Study
from sklearn.decomposition import PCA

from spikebridge.artifacts.evaluation import EvaluationRun
from spikebridge.artifacts.evaluation_tables import read_table


def test_rasters_show_counts_and_rates_as_they_are(study: Study, out: Path) -> None:
    table = read_table(EvaluationRun(out).tables, "raster")
    about = table.iloc[0]
    w = next(w for w in study.windows if w.recording == about["recording"])
    window = int(np.flatnonzero(w.trial == about["trial"])[0])
    for panel, counts, units in (("source", w.source, w.source_units), ("target", w.target, w.target_units)):
        shown = table[table["panel"] == panel].pivot(index="unit", columns="time_s", values="value").loc[units]
        np.testing.assert_array_equal(shown.to_numpy(), counts[window].T)
    rates = table[table["panel"] == "predicted"].pivot(index="unit", columns="time_s", values="value")
    known, predicted = study.run("seq2seq").read_translation("seq2seq").rates[w.recording]
    expected = predicted[np.flatnonzero(known == about["trial"])[0]].T / w.bin_s
    np.testing.assert_allclose(rates.loc[w.target_units].to_numpy(), expected, rtol=1e-6)


def test_means_and_order_come_from_all_held_out_trials(study: Study, out: Path) -> None:
    table = read_table(EvaluationRun(out).tables, "raster")
    w = next(w for w in study.windows if w.recording == table["recording"].iloc[0])
    known, predicted = study.run("seq2seq").read_translation("seq2seq").rates[w.recording]
    rates = predicted.astype(float)
    by_unit = table.drop_duplicates(["panel", "unit"]).set_index(["panel", "unit"])
    counts = w.target[[int(np.flatnonzero(w.trial == k)[0]) for k in known]]
    for panel, values in (("predicted", rates), ("target", counts)):
        shown = by_unit.loc[panel].loc[w.target_units, "mean_hz"]
        np.testing.assert_allclose(shown, values.mean(axis=(0, 1)) / w.bin_s, rtol=1e-6)
    log = np.log(rates).reshape(-1, rates.shape[2])
    loading = PCA(1).fit(log).components_[0]
    falling = loading[by_unit.loc["target", "row"].loc[w.target_units].argsort()]
    assert (np.diff(falling * np.sign(loading[np.abs(loading).argmax()])) <= 1e-9).all()
    assert by_unit.loc["predicted", "row"].equals(by_unit.loc["target", "row"])
