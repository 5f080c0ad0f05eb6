"""What the stage analyze would leave behind for a fake study, with effects of known size."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from fake_runs import Study, held_out

from spikebridge.artifacts.latent_analysis import INNER_SCORES, LatentAnalysisRun

FORWARD, REVERSE = 0.2, 0.05
R2 = {"seeds": 0.9, "source_halves": 0.6, "target_halves": 0.8}
LATENTS_TELL = {10: 0.05, 30: 0.08, 0: 0.1}
RIGHT = {"blocked": 0.6, "leaky": 0.8}
TOLD = {"blocked": 0.1, "leaky": 0.4}
SOURCE_TELLS = {10: 0.0, 30: 0.03, 0: 0.09}
WHOLE, LOST = 0.3, {1: 0.2, 2: 0.05, 3: 0.0}
"""Bits/spike from the source with all modes of the translation, and what the removal of each costs."""
CAPTURED = {1: (0.2, 0.4), 2: (0.45, 0.5)}
"""Share of variance in the shared subspace, and in as many components, by dimensions."""
VARIANCE = {
    "source": {"shared": 0.3, "private": 0.3, "noise": 0.4},
    "target": {"baseline": 0.1, "shared": 0.2, "private": 0.2, "noise": 0.5},
}


def make_analysis(study: Study, name: str = "analysis") -> Path:
    """Write <root>/analysis; bits/spike of the whole are the constants above, R2 and shares too up to noise."""
    folder, rng = study.root / name, np.random.default_rng(9)
    folder.mkdir()
    run = LatentAnalysisRun(folder)
    run.write_about("seq2seq", ["direction"], study.splits.hash)
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
    run.write_tables(
        {
            "direction": pd.concat(ways),
            "consistency": pd.DataFrame(agree),
            "held_out_units": pd.DataFrame(units),
            "attribution": pd.concat(weights),
            "attribution_units": pd.concat(shares),
        }
    )
    _optimism(study, run, rng)
    _subspace(study, run, rng)
    return folder


def _subspace(study: Study, run: LatentAnalysisRun, rng: np.random.Generator) -> None:
    """Without the first mode most bits/spike are gone, without the second the decision; the third does nothing."""
    ablation, alignment, variance = [], [], []
    for fold, w, index in held_out(study)[: 2 * len(study.windows)]:
        keys = {"recording": w.recording, "trial": w.trial[index], "fold": fold, "block": f"{w.recording}/{fold}"}
        label, spikes = w.label[index], w.target[index].sum(axis=(1, 2)).astype(float)
        right = rng.random(len(index)) < 0.8
        for removed in (0, *LOST):
            nats = (WHOLE - LOST.get(removed, 0.0)) * spikes * np.log(2)
            held = right if removed != 2 else rng.random(len(index)) < 0.5
            told = {"nats": nats + 1.0, "nats_without_source": 1.0, "spikes": spikes, "label": label}
            told |= {
                "predicted": np.where(held, label, (label + 1) % len(w.classes)),
                "log_loss": np.where(held, 0.2, 1.2),
            }
            share = {0: np.nan, 1: 0.8, 2: 0.2, 3: 0.0}[removed]
            ablation.append(pd.DataFrame({**keys, **told}).assign(removed=removed, share=share))
        who = {"recording": w.recording, "fold": fold}
        for region, parts in VARIANCE.items():
            variance += [{**who, "region": region, "part": part, "share": share} for part, share in parts.items()]
            alignment += [
                {**who, "region": region, "n_dimensions": n, "captured": a, "captured_by_components": b}
                | {"random": 0.1 * n, "angle": 30.0}
                for n, (a, b) in CAPTURED.items()
            ]
    run.write_tables(
        {
            "ablation": pd.concat(ablation),
            "alignment": pd.DataFrame(alignment),
            "shared_variance": pd.DataFrame(variance),
        }
    )


def _optimism(study: Study, run: LatentAnalysisRun, rng: np.random.Generator) -> None:
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
    inner = [{"model": "seq2seq", "fold": k, "metric": "bits_per_spike", "inner": 0.1 * (k + 1)} for k in range(2)]
    run.write_tables({"optimism": pd.concat(parts), INNER_SCORES: pd.DataFrame(inner)})
