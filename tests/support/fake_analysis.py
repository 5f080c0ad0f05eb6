"""What the stage analyze would leave behind for a fake study, with effects of known size."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from fake_runs import Study, held_out, write

FORWARD, REVERSE = 0.2, 0.05
R2 = {"seeds": 0.9, "source_halves": 0.6, "target_halves": 0.8}
LATENTS_TELL = {10: 0.05, 30: 0.08, 0: 0.1}
RIGHT = {"blocked": 0.6, "leaky": 0.8}
TOLD = {"blocked": 0.1, "leaky": 0.4}
SOURCE_TELLS = {10: 0.0, 30: 0.03, 0: 0.09}


def make_analysis(study: Study, name: str = "analysis") -> Path:
    """Write <root>/analysis; bits/spike of the whole are the constants above, R2 and shares too up to noise."""
    folder, rng = study.root / name, np.random.default_rng(9)
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
    _optimism(study, folder, rng)
    return folder


def _optimism(study: Study, folder: Path, rng: np.random.Generator) -> None:
    """Blocked scores of the tuner's quick fits, and leaky ones that are better by a known amount."""
    parts = []
    for fold, w, index in held_out(study)[: 2 * len(study.windows)]:
        keys = {"recording": w.recording, "fold": fold, "block": f"{w.recording}/{fold}", "trial": w.trial[index]}
        label, spikes = w.label[index], w.target[index].sum(axis=(1, 2)).astype(float)
        for folds, seed in (("blocked", 0), ("blocked", 1), ("leaky", 0)):
            right = rng.random(len(index)) < RIGHT[folds]
            predicted = np.where(right, label, (label + 1) % len(w.classes))
            nats = TOLD[folds] * spikes * np.log(2)
            for model in ("seq2seq", "dnn"):
                table = pd.DataFrame({**keys, "label": label, "predicted": predicted}).assign(folds=folds, seed=seed)
                told = {"nats": nats, "spikes": spikes} if model == "seq2seq" else {"nats": np.nan, "spikes": np.nan}
                parts.append(table.assign(model=model, **told))
    pd.concat(parts).to_csv(folder / "optimism.csv", index=False)
    inner = [{"model": "seq2seq", "fold": k, "metric": "bits_per_spike", "inner": 0.1 * (k + 1)} for k in range(2)]
    pd.DataFrame(inner).to_csv(folder / "optimism_inner.csv", index=False)
