"""The benchmark of speed at tiny size: what it counts and compares. No timings."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

import reference_seq2seq as reference
import scaling
import speed
from spikebridge.metrics import bits_per_spike, information
from spikebridge.models.seq2seq.cores import gru
from spikebridge.models.seq2seq.network import Network
from spikebridge.types import Windows

pytestmark = pytest.mark.slow

Halves = tuple[list[Windows], list[Windows]]
SMALL = reference.Settings(learning_rate=1e-2, hidden_size=8, n_latents=4, input_size=8, max_epochs=4)


def test_the_reference_is_scored_as_the_library_scores(halves: Halves) -> None:
    rows: list[dict[str, float]] = []
    network = reference.fit(*halves, 0, SMALL, rows.append)
    nats, spikes = 0.0, 0.0
    for i, (train, valid) in enumerate(zip(*halves, strict=True)):
        smooth = reference.smoothed(train, SMALL)
        mean, std = smooth.mean(axis=(0, 1)), np.maximum(smooth.std(axis=(0, 1)), 0.05)
        with torch.no_grad():
            log_rate = network(i, torch.from_numpy((reference.smoothed(valid, SMALL) - mean) / std))
        gain, n = information(log_rate.exp().numpy(), valid.target, train.target.mean(axis=(0, 1)))
        nats, spikes = nats + gain.sum(), spikes + n.sum()
    best = max(row["valid_bits_per_spike"] for row in rows)  # the weights of that epoch are kept
    assert best == pytest.approx(bits_per_spike([nats], [spikes]), rel=1e-3)


def test_the_reference_learns_and_stops(halves: Halves) -> None:
    rows: list[dict[str, float]] = []
    reference.fit(
        *halves, 1, reference.Settings(learning_rate=1e-2, hidden_size=16, max_epochs=200, patience=2), rows.append
    )
    bits = [row["valid_bits_per_spike"] for row in rows]
    assert max(bits) > 0.03
    assert len(bits) < 200
    assert np.argmax(bits) == len(bits) - 4  # three epochs without a better one after it


def test_a_seed_gives_the_same_reference_twice(halves: Halves) -> None:
    state = torch.get_rng_state()
    runs: list[list[dict[str, float]]] = [[], []]
    for rows in runs:
        reference.fit(*halves, 3, SMALL, rows.append)
    assert runs[0] == runs[1]
    assert torch.equal(torch.get_rng_state(), state)


def test_time_to_quality_is_that_of_the_fastest_rate_to_a_common_target() -> None:
    seconds = (1.0, 2.0, 3.0)
    curves = [
        speed.Curve(speed.OURS, 0, float("nan"), (0.5, 0.75, 1.0), (0.25, 0.5, 0.75), (0.05, 0.12, 0.11)),
        speed.Curve(speed.REFERENCE, 0, 0.01, seconds, seconds, (0.05, 0.0991, 0.1)),
        speed.Curve(speed.REFERENCE, 0, 0.001, seconds, seconds, (0.01, 0.05, 0.0989)),
    ]
    row = speed.to_quality(curves).iloc[0]
    assert row["reference_bits"] == 0.1
    assert row["best_rate"] == 0.01
    assert row["reference_s"] == 2.0  # 0.0991 is the first above 0.099
    assert row["our_s"] == 0.75
    assert row["times_faster"] == pytest.approx(2.0 / 0.75)
    assert row["times_faster_cpu"] == pytest.approx(2.0 / 0.5)


def test_who_never_gets_there_is_not_faster() -> None:
    curves = [
        speed.Curve(speed.OURS, 0, float("nan"), (1.0,), (1.0,), (0.01,)),
        speed.Curve(speed.REFERENCE, 0, 0.01, (9.0,), (9.0,), (0.1,)),
    ]
    row = speed.to_quality(curves).iloc[0]
    assert row["our_s"] == np.inf
    assert row["times_faster"] == 0


def test_products_are_those_that_torch_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """torch's own counter in a step of the network; it leaves out some of the first bin, whose state is zero.

    It does not see products in place, so the layer is run by torch, which does the same arithmetic.
    """
    monkeypatch.setattr(gru, "run_gru", lambda layer, x: layer(x)[0])
    (w,) = scaling.windows_of(scaling.Size(1, 128, 20, 50, 40))
    network = Network({"a": (50, 40)}, input_size=16, hidden_size=32, n_latents=8, core="gru", causal=False)
    with FlopCounterMode(display=False) as counter:
        network.decode(network.encode({0: torch.randn(128, 20, 50)}), {0: 128})[0].sum().backward()
    params = {"n_members": 1, "input_size": 16, "hidden_size": 32, "n_latents": 8, "batch_size": 128}
    flops = sum(2 * np.prod(size) * times for size, times in speed.products([w], params).items())
    assert flops == pytest.approx(counter.get_total_flops(), rel=0.02)


def test_the_limit_is_the_arithmetic_at_the_measured_rates(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speed, "rate_of", lambda size, seconds=0.0: 10.0)
    (w,) = scaling.windows_of(scaling.Size(1, 100, 10, 6, 5))
    limits = speed.limit([w], {"n_members": 1, "batch_size": 50}, windows_per_s=1000.0)
    assert limits["step_ms"] == pytest.approx(50.0)  # two steps of fifty windows
    assert limits["products_ms"] == pytest.approx(100 * limits["gflop"])
    assert limits["products_gflop_per_s"] == pytest.approx(10.0)
    assert limits["times_products"] == pytest.approx(50.0 / limits["products_ms"])


def test_the_reference_has_our_widths() -> None:
    same = speed.like({"n_members": 1, "hidden_size": 48, "n_latents": 6}, 0.01, 7)
    assert (same.hidden_size, same.n_latents, same.input_size) == (48, 6, 16)
    assert (same.learning_rate, same.max_epochs) == (0.01, 7)


@pytest.mark.slow
def test_one_command_writes_the_tables(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--on", "simulator", "--quick", "--seeds", "1", "--rates", "0.01", "--repeats", "1"]
    speed.main([*words, "--out", str(tmp_path)])
    table = pd.read_csv(tmp_path / "speed.csv")
    assert set(table["data"]) == {"simulator"}
    by = table.set_index(["part", "row", "what"])["value"]
    rates = [by["Throughput of training", f"tool {t}", "windows_per_cpu_s"] for t in (speed.OURS, speed.REFERENCE)]
    assert by["Throughput of training", f"tool {speed.OURS}", "times_reference"] == pytest.approx(rates[0] / rates[1])
    text = (tmp_path / "speed.md").read_text(encoding="utf-8")
    assert "python benchmarks/speed.py --on simulator --quick" in text
    assert "times faster than the reference to 99% of what that ends with" in text
    assert "### Time to quality" in capsys.readouterr().out


def test_without_the_folder_of_recordings_a_line_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    speed.main(["--on", "real", "--data", str(tmp_path / "none"), "--out", str(tmp_path / "out")])
    assert f"real: skipped, there is no folder {tmp_path / 'none'}" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
