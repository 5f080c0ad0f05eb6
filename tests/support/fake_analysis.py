"""What the stage analyze would leave behind for a fake study, with effects of known size."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from fake_runs import Study, held_out, write

FORWARD, REVERSE = 0.2, 0.05
R2 = {"seeds": 0.9, "source_halves": 0.6, "target_halves": 0.8}
LATENTS_TELL = {10: 0.05, 30: 0.08, 0: 0.1}
SOURCE_TELLS = {10: 0.0, 30: 0.03, 0: 0.09}


def make_analysis(study: Study) -> Path:
    """Write <root>/analysis; bits/spike of the whole are the constants above, R2 and shares too up to noise."""
    folder, rng = study.root / "analysis", np.random.default_rng(9)
    folder.mkdir()
    write(folder / "about.json", {"model": "seq2seq", "run": ["direction"], "split_hash": study.splits.hash})
    ways, agree, units, weights, shares = [], [], [], [], []
    for fold, w, index in held_out(study)[: 2 * len(study.windows)]:
        n = len(index)
        keys = {"recording": w.recording, "trial": w.trial[index], "fold": fold, "block": f"{w.recording}/{fold}"}
        for way, bits in (("forward", FORWARD), ("reverse", REVERSE)):
            spikes = w.target[index].sum(axis=(1, 2)).astype(float)
            known = 0.5 * bits * spikes * np.log(2)
            told = pd.DataFrame({**keys, "nats": 2 * known, "spikes": spikes, "nats_without_source": known})
            ways.append(told.assign(direction=way))
        who = {"recording": w.recording, "fold": fold}
        agree += [{**who, "compared": k, "r2": v + rng.normal(0, 0.02)} for k, v in R2.items()]
        for readout, tells in (("latents", LATENTS_TELL), ("source", SOURCE_TELLS), ("source_poisson", SOURCE_TELLS)):
            units += [
                {
                    **who,
                    "block": keys["block"],
                    "readout": readout,
                    "n_trials": m,
                    "nats": b * n * np.log(2),
                    "spikes": n,
                }
                for m, b in tells.items()
            ]
        share = np.arange(len(w.source_units)) + 1.0
        grid = np.indices((len(share), 3)).reshape(2, -1)
        weights.append(
            pd.DataFrame({**who, "unit": w.source_units[grid[0]], "latent": grid[1] + 1, "weight": share[grid[0]]})
        )
        part = share / share.sum()
        shares.append(
            pd.DataFrame({**who, "unit": w.source_units, "share": part, "share_integrated": part, "rate": 0.6})
        )
    pd.concat(ways).to_csv(folder / "direction.csv", index=False)
    pd.DataFrame(agree).to_csv(folder / "consistency.csv", index=False)
    pd.DataFrame(units).to_csv(folder / "held_out_units.csv", index=False)
    pd.concat(weights).to_csv(folder / "attribution.csv", index=False)
    pd.concat(shares).to_csv(folder / "attribution_units.csv", index=False)
    return folder
