"""LFADS from a checkout, with a stand-in for the checkout: what it is given, and what becomes of what it gives."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from lfads_stand_in import LOG, write_checkout

import extras
import quality
from spikebridge import models
from spikebridge.baseline import shrink
from spikebridge.errors import DataError
from spikebridge.metrics import bits_per_spike, information
from spikebridge.models import Model
from spikebridge.types import Windows

Halves = tuple[list[Windows], list[Windows]]


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> None:
    """The registry of models knows lfads; afterwards no more."""
    monkeypatch.setattr(models, "__path__", [*models.__path__])
    extras.use_lfads()
    assert "lfads" in models.names()


@pytest.fixture
def places(tmp_path: Path) -> dict[str, Any]:
    checkout, python = write_checkout(tmp_path / "lfads-torch")
    return {"checkout": str(checkout), "python": str(python), "n_samples": 2}


def fitted(params: dict[str, Any], halves: Halves) -> tuple[Model, list[dict[str, float]]]:
    train, valid = [halves[0][0].select(np.arange(18))], [halves[0][0].select(np.arange(20, len(halves[0][0])))]
    model, rows = models.create("lfads", params), []
    model.fit(train, valid, np.random.default_rng(0), rows.append)
    return model, rows


@pytest.mark.slow
def test_without_a_modulation_the_rates_are_those_of_the_baseline(
    registry: None, places: dict[str, Any], halves: Halves
) -> None:
    """Read-out weights that start at zero and a learning rate of zero: the offset alone is left."""
    model, rows = fitted({**places, "config": "configs/model/still.yaml"}, halves)
    for w in (halves[1][0], halves[1][0].select(np.array([], dtype=int))):
        prediction = model.predict(w)
        np.testing.assert_allclose(prediction.rates, prediction.baseline, rtol=1e-6)
        np.testing.assert_array_equal(prediction.baseline, model.baseline_rates(w))
    assert model.scales == {halves[0][0].recording: 0.0}
    assert [row["epoch"] for row in rows] == [0]


@pytest.mark.slow
def test_the_source_adds_to_the_baseline_and_settings_reach_the_network(
    registry: None, places: dict[str, Any], halves: Halves, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(LOG, str(tmp_path / "log"))
    model, rows = fitted({**places, "kl_ic_scale": 1.0e-4, "cd_rate": 0.25, "epochs": 25}, halves)
    w = halves[1][0]
    prediction = model.predict(w)
    assert prediction.rates is not None
    assert prediction.baseline is not None
    base = halves[0][0].target.mean(axis=(0, 1))
    nats, spikes = information(prediction.rates, w.target, base)
    without, _ = information(prediction.baseline, w.target, base)
    assert bits_per_spike([nats.sum()], [spikes.sum()]) > bits_per_spike([without.sum()], [spikes.sum()]) + 0.01
    assert 0 < model.scales[w.recording] <= 1.2
    assert rows[0]["valid_bits_per_spike"] > 0
    first, *_, last = (json.loads(line) for line in (tmp_path / "log").read_text(encoding="utf-8").splitlines())
    assert first == last, "the same network is fitted and asked"
    sizes = {"encod_data_dim": w.source.shape[2], "encod_seq_len": w.n_bins, "recon_seq_len": w.n_bins}
    assert sizes.items() <= first.items()
    assert {"kl_ic_scale": 1.0e-4, "cd_rate": 0.25, "loss_order": [], "l2_gen_scale": 0.01}.items() <= first.items()
    raw = shrink(prediction.rates, prediction.baseline, 1 / model.scales[w.recording])
    some = model.predict(w.select(np.array([4, 1]))).rates
    assert some is not None and some.shape == (2, *raw.shape[1:])
    model.save(tmp_path / "saved")
    np.testing.assert_array_equal(models.load(tmp_path / "saved").predict(w).rates, model.predict(w).rates)


@pytest.mark.slow
def test_what_the_checkout_says_when_it_fails_is_passed_on(
    registry: None, places: dict[str, Any], halves: Halves
) -> None:
    Path(places["checkout"], "lfads_torch/model.py").write_text("raise ImportError('torch is too new')\n")
    with pytest.raises(DataError, match=r"lfads-torch in .*lfads-torch, run by .*python, failed:\n(.|\n)*too new"):
        fitted(places, halves)


def test_what_is_no_checkout_is_named(registry: None, tmp_path: Path) -> None:
    checkout, python = write_checkout(tmp_path / "lfads-torch")
    words = ["--on", "simulator", "--quick", "--models", "lfads", "--out", str(tmp_path / "out"), "--lfads"]
    with pytest.raises(
        SystemExit, match=r"--lfads: .*out is no checkout of lfads-torch: expected lfads_torch/model.py"
    ):
        quality.main([*words, str(tmp_path / "out")])
    with pytest.raises(SystemExit, match=r"--lfads-python: expected the interpreter of the checkout, found no file"):
        quality.main([*words, str(checkout)])
    with pytest.raises(SystemExit, match=r"--lfads-python: .*nowhere"):
        quality.main([*words, str(checkout), "--lfads-python", str(tmp_path / "nowhere")])
    assert python.is_file()
    assert quality.parse(["--lfads", str(checkout)]).extras


@pytest.mark.slow
def test_it_stands_in_the_table_beside_the_others(registry: None, tmp_path: Path) -> None:
    checkout, python = write_checkout(tmp_path / "lfads-torch")
    words = ["--on", "simulator", "--quick", "--models", "lfads", "ridge", "majority", "--work", str(tmp_path / "work")]
    words += ["--out", str(tmp_path), "--lfads", str(checkout), "--lfads-python", str(python), "--lfads-epochs", "5"]
    quality.main(words)
    table = pd.read_csv(tmp_path / "quality_extras.csv").set_index(["model", "recording", "metric"])["value"]
    (work,) = (tmp_path / "work").iterdir()
    metrics = json.loads((work / "evaluation/metrics.json").read_text(encoding="utf-8"))
    for model in ("lfads", "ridge"):
        for metric in ("bits_per_spike", "source_bits_per_spike"):
            score = metrics["translation"][model][metric]["value"]
            assert table[model, "all", metric] == pytest.approx(score)
    baselines = [pd.read_csv(work / f"train/{m}/baselines.csv").drop(columns="scale") for m in ("lfads", "ridge")]
    pd.testing.assert_frame_equal(*baselines)
    page = (tmp_path / "quality_extras.md").read_text(encoding="utf-8")
    rows = [line for line in page.splitlines() if line.startswith(("| model | seconds |", "| lfads |", "| majority |"))]
    assert rows[0].endswith("| bits/spike | source bits/spike | AUC | balanced accuracy |")
    assert rows[1].endswith("|  |  |"), "it decides nothing"
    assert "lfads-torch of unknown state, at most 5 epochs." in page
    assert str(tmp_path) not in page
    assert "--lfads path/to/lfads-torch --lfads-epochs 5" in page
