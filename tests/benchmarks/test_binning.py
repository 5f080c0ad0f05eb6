"""The benchmark at tiny size: the same counts from every tool, and the table that it promises. No timings."""

from __future__ import annotations

import argparse
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest

pytestmark = pytest.mark.slow

pytest.importorskip("pynapple", reason="pynapple is the peer; it comes with the extra dev")
SCRIPT = Path(__file__).parents[2] / "benchmarks" / "binning.py"
COLUMNS = [
    "tool", "what", "best_s", "median_s", "cpu_s", "times_spikebridge", "cpu_times_spikebridge", "count_type",
    "spikes_mb", "counts_mb", "peak_mb", "peak_ratio",
]  # fmt: skip


@pytest.fixture(scope="module")
def bench() -> ModuleType:
    spec = importlib.util.spec_from_file_location("benchmark_binning", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def small(bench: ModuleType) -> argparse.Namespace:
    return bench.parse(["--units", "5", "--seconds", "8", "--repeats", "1"])


def test_every_tool_gives_the_counts_of_a_plain_loop(bench: ModuleType, small: argparse.Namespace) -> None:
    times, units = bench.simulate(small.units, small.seconds, small.rate_hz, small.seed)
    expected = np.zeros((400, 5), dtype=int)
    for t, u in zip(times, units, strict=True):
        expected[int(t * bench.SAMPLES_PER_S) // 600, u] += 1
    for _, prepare, count in bench.TOOLS.values():
        counts = count(prepare((times, units, small)))
        assert np.array_equal(counts.reshape(400, 5), expected)


def test_simulated_spikes_are_poisson_and_grouped(bench: ModuleType) -> None:
    times, units = bench.simulate(200, 50.0, 10.0, 3)
    assert len(times) == pytest.approx(100_000, rel=0.02)
    assert (np.diff(units) >= 0).all()
    assert (np.diff(times)[np.diff(units) == 0] >= 0).all()
    assert np.array_equal(times, bench.simulate(200, 50.0, 10.0, 3)[0])


def test_one_command_writes_the_table(bench: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bench.main(["--units", "3", "--seconds", "8", "--repeats", "1", "--out", str(tmp_path)])
    table = pd.read_csv(tmp_path / "binning.csv")
    assert list(table.columns) == COLUMNS
    assert table["tool"].tolist() == list(bench.TOOLS)
    assert table.set_index("tool").loc["spikebridge", "times_spikebridge"] == 1
    text = (tmp_path / "binning.md").read_text(encoding="utf-8")
    assert "python benchmarks/binning.py --units 3" in text
    assert "pynapple 0." in text
    assert text in capsys.readouterr().out


def test_tools_that_disagree_are_refused(bench: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "in_process", lambda tool, folder, a: {"tool": tool, "seconds": 1.0, "digest": tool})
    with pytest.raises(SystemExit, match="disagree about the counts"):
        bench.compare(bench.parse(["--units", "2", "--seconds", "4", "--repeats", "1"]))
