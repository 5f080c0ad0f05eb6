"""The benchmark of scaling at tiny size: its cases and ratios. No timings."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import scaling

pytestmark = pytest.mark.slow


def test_a_size_grows_in_one_way() -> None:
    base = scaling.Size(2, 8, 5, 4, 3)
    assert base.times("bins", 3) == scaling.Size(2, 8, 15, 4, 3)
    assert base.times("recordings", 3) == scaling.Size(6, 8, 5, 4, 3)
    assert base.times("units", 3) == scaling.Size(2, 8, 5, 12, 9)


def test_windows_have_that_size_and_their_regions_share_latents() -> None:
    made = list(scaling.windows_of(scaling.Size(2, 200, 10, 7, 6)))
    assert [w.source.shape for w in made] == [(200, 10, 7)] * 2
    assert [w.target.shape for w in made] == [(200, 10, 6)] * 2
    x, y = (made[0].source.sum(axis=1), made[0].target.sum(axis=1))
    assert np.abs(np.corrcoef(x.T, y.T)[:7, 7:]).max() > 0.3


def test_ratios_are_to_the_smallest_case_of_the_same_kind() -> None:
    rows = [
        ("bins", 1, 1.0, 2.0, 10.0),
        ("bins", 3, 3.0, 8.0, 40.0),
        ("units", 1, 2.0, 2.0, 10.0),
        ("units", 3, 4.0, 2.0, 15.0),
    ]
    table = pd.DataFrame(rows, columns=["grows", "times", "epoch_cpu_s", "start_cpu_s", "peak_mb"])
    table = table.assign(recordings=1, windows=1, bins=1, source_units=1, target_units=1)
    table = table.assign(counts_mb=1.0, weights_mb=1.0, epoch_s=1.0, process_mb=100 + table["peak_mb"])
    ratios = scaling.with_ratios(table)
    assert list(ratios.columns) == scaling.COLUMNS
    assert ratios["epoch_ratio"].tolist() == [1, 3, 1, 2]
    assert ratios["start_ratio"].tolist() == [1, 4, 1, 1]
    assert ratios["memory_ratio"].tolist() == [1, 4, 1, 1.5]
    assert ratios["process_ratio"].tolist() == pytest.approx([1, 140 / 110, 1, 115 / 110])
    assert ratios["epoch_exponent"].tolist()[1::2] == pytest.approx([1.0, np.log(2) / np.log(3)])
    assert ratios["epoch_exponent"].isna().tolist() == [True, False, True, False]
    assert (
        "3 times the bins: an epoch takes 3.0 times as long and peak memory is 4.0 times"
        in scaling.summary_lines(ratios)[0]
    )


@pytest.mark.slow
def test_one_command_writes_the_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scaling.main(["--times", "1", "2", "--windows", "8", "--epochs", "1", "--out", str(tmp_path)])
    table = pd.read_csv(tmp_path / "scaling.csv")
    assert list(table.columns) == scaling.COLUMNS
    assert table["grows"].tolist() == ["bins", "bins", "recordings", "recordings", "units", "units"]
    assert table["bins"].tolist() == [20, 40, 20, 20, 20, 20]
    assert (table["epoch_ratio"][table["times"] == 1] == 1).all()
    text = (tmp_path / "scaling.md").read_text(encoding="utf-8")
    assert "python benchmarks/scaling.py --times 1 2 --windows 8 --epochs 1" in text
    assert text in capsys.readouterr().out
