"""LFADS (Pandarinath et al. 2018, Nat Methods 15:805) as a translator, fitted by a user's checkout of lfads-torch.

Sedler & Pandarinath 2023, arXiv:2309.01230. The checkout runs in a separate process, with its own interpreter
(`lfads_driver.py`); nothing of it is imported or copied here. The module lies on the path of spikebridge.models only
while the benchmark of quality runs with --lfads. Tuning, folds, gaps, baseline, shrinkage and scores are those of every
model.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from spikebridge.baseline import best_scale
from spikebridge.errors import DataError
from spikebridge.metrics import bits_per_spike, information
from spikebridge.models import base
from spikebridge.models.base import Model, OnEpoch
from spikebridge.models.parts.saved_arrays import load_arrays, save_arrays
from spikebridge.types import Predictions, Windows

DRIVER = Path(__file__).resolve().parents[1] / "lfads_driver.py"
HYPERPARAMETERS = ("dropout_rate", "cd_rate", "kl_ic_scale", "kl_co_scale", "l2_gen_scale", "l2_con_scale")
VALID_SHARE = 0.2
Arrays = dict[str, NDArray[Any]]


class Lfads(Model):
    """log rate = log baseline + read-out of the factors; source counts in, target counts reconstructed.

    One network a recording. Training stops by the validation windows; without any, by the last fifth of the training
    windows. Then the rates are shrunk towards the baseline by the rule of every translator. Ranges of the settings are
    those of AutoLFADS (Keshtkaran et al. 2022, Nat Methods 19:1572).

    Parameters
    ----------
    params : mapping, optional
        Settings that differ from the defaults of `Params`; `checkout` and `python` are needed for a fit.
    device : str
        Not used: the checkout's own environment decides.
    baselines : Baselines, optional
        Fits the baselines.
    """

    name = "lfads"
    decides = False
    translates = True
    early_stopping = True

    class Params(base.Params):
        checkout: str = Field("", description="folder of lfads-torch")
        python: str = Field("", description="interpreter that has what lfads-torch needs")
        config: str = Field("configs/model/nlb_mc_maze_small.yaml", description="sizes and defaults, in the checkout")
        epochs: int | None = Field(None, ge=2, description="at most; None: as the checkout says")
        patience: int | None = Field(None, ge=1, description="epochs without a lower loss; None: as the checkout says")
        n_samples: int = Field(50, ge=1, description="draws from the posterior whose rates are averaged")
        dropout_rate: float = Field(0.2, ge=0, lt=1)
        cd_rate: float = Field(0.3, ge=0, lt=1, description="share of the source's counts that are dropped")
        kl_ic_scale: float = Field(1.0e-5, ge=0)
        kl_co_scale: float = Field(1.0e-5, ge=0)
        l2_gen_scale: float = Field(1.0e-2, ge=0)
        l2_con_scale: float = Field(1.0e-2, ge=0)

    space = {
        "dropout_rate": ("float", 0.0, 0.6),
        "cd_rate": ("float", 0.01, 0.7),
        "kl_ic_scale": ("log", 1.0e-6, 1.0e-3),
        "kl_co_scale": ("log", 1.0e-6, 1.0e-4),
        "l2_gen_scale": ("log", 1.0e-4, 1.0),
        "l2_con_scale": ("log", 1.0e-4, 1.0),
    }

    def _fit(
        self, train: Sequence[Windows], valid: Sequence[Windows], rng: np.random.Generator, on_epoch: OnEpoch
    ) -> None:
        held = {w.recording: w for w in valid if len(w)}
        jobs = {w.recording: self._parts(w, held.get(w.recording)) for w in train}
        results = self._run("fit", jobs, int(rng.integers(2**31)))
        self.states = {name: state for name, (state, _) in results.items()}
        nats, spikes = 0.0, 0.0
        for w in train:
            arrays, rates = jobs[w.recording], results[w.recording][1]
            if w.recording in held:
                self.scales[w.recording] = best_scale(rates, arrays["valid_baseline"], arrays["valid_target"])
            gained, n = information(rates, arrays["valid_target"], w.target.mean(axis=(0, 1)))
            nats, spikes = nats + float(gained.sum()), spikes + float(n.sum())
        bits = float(bits_per_spike([nats], [spikes]))
        on_epoch({"epoch": 0, "valid_loss": -bits * float(np.log(2)), "valid_bits_per_spike": bits})

    def _parts(self, w: Windows, held: Windows | None) -> Arrays:
        """What the driver reads. The baseline of training windows is cross-fitted, that of held ones from training."""
        fitted = self.baseline_fits.fit(w)
        known = fitted.crossed_rates()
        if held is None:
            cut = len(w) - max(1, round(VALID_SHARE * len(w)))
            first, last = np.arange(cut), np.arange(cut, len(w))
            train, valid = (w.select(first), known[first]), (w.select(last), known[last])
        else:
            train, valid = (w, known), (held, fitted.baseline.rates(held))
        return {
            f"{part}_{key}": value
            for part, (windows, rates) in (("train", train), ("valid", valid))
            for key, value in (("source", windows.source), ("target", windows.target), ("baseline", rates))
        }

    def _predict(self, windows: Windows) -> Predictions:
        name = self.check_recording(windows.recording)
        known = self.baseline_rates(windows)
        if not len(windows):
            return Predictions(rates=known)
        job = {"source": windows.source, "baseline": known}
        return Predictions(rates=self._run("predict", {name: job}, 0, {name: self.states[name]})[name][1])

    def _run(
        self, task: str, jobs: Mapping[str, Arrays], seed: int, states: Mapping[str, Arrays] | None = None
    ) -> dict[str, tuple[Arrays, NDArray[np.float32]]]:
        """Recording -> weights and rates, by one process of the checkout's interpreter. Raises DataError."""
        p: Any = self.params
        with tempfile.TemporaryDirectory() as folder:
            work = Path(folder)
            for i, (name, arrays) in enumerate(jobs.items()):
                np.savez(work / f"{i}.npz", **arrays)
                if states is not None:
                    np.savez(work / f"{i}.state.npz", **states[name])
            job = {
                "task": task, "checkout": p.checkout, "config": p.config, "arrays": folder, "parts": list(jobs),
                "seed": seed, "epochs": p.epochs, "patience": p.patience, "samples": p.n_samples,
                "settings": {key: getattr(p, key) for key in HYPERPARAMETERS},
            }  # fmt: skip
            (work / "job.json").write_text(json.dumps(job), encoding="utf-8")
            command = [p.python, str(DRIVER), str(work / "job.json")]
            done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=work)
            if done.returncode:
                last = "\n".join(done.stderr.splitlines()[-5:])
                raise DataError(f"lfads-torch in {p.checkout}, run by {p.python}, failed:\n{last}")
            return {name: _results(work, i) for i, name in enumerate(jobs)}

    def _save(self, folder: Path) -> None:
        for i, name in enumerate(self.units):
            save_arrays(folder / f"{i}.safetensors", self.states[name])

    def _load(self, folder: Path) -> None:
        self.states = {name: load_arrays(folder / f"{i}.safetensors") for i, name in enumerate(self.units)}


def _results(work: Path, i: int) -> tuple[Arrays, NDArray[np.float32]]:
    with np.load(work / f"{i}.state.npz") as state, np.load(work / f"{i}.rates.npz") as rates:
        return dict(state), rates["rates"]
