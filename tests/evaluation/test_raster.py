"""tables/raster.csv: one trial as it was recorded and predicted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from fake_runs import Study


def test_rasters_show_counts_and_rates_as_they_are(study: Study, out: Path) -> None:
    table = pd.read_csv(out / "tables" / "raster.csv")
    about = table.iloc[0]
    w = next(w for w in study.windows if w.recording == about["recording"])
    window = int(np.flatnonzero(w.trial == about["trial"])[0])
    for panel, counts, units in (("source", w.source, w.source_units), ("target", w.target, w.target_units)):
        shown = table[table["panel"] == panel].pivot(index="unit", columns="time_s", values="value").loc[units]
        np.testing.assert_array_equal(shown.to_numpy(), counts[window].T)
    rates = table[table["panel"] == "predicted"].pivot(index="unit", columns="time_s", values="value")
    with np.load(study.model("seq2seq") / "rates.npz") as z:
        at = np.flatnonzero(z[f"{w.recording}|trial"] == about["trial"])[0]
        expected = z[f"{w.recording}|rates"][at].T / w.bin_s
    np.testing.assert_allclose(rates.loc[w.target_units].to_numpy(), expected, rtol=1e-6)
