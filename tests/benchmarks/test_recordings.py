"""The benchmark of numbers of recordings: exponents against a known growth, and one small run."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

import recordings


def rows(growth: float) -> pd.DataFrame:
    """Two stages, one of which grows in step; growth: exponent of the other one's seconds."""
    powers = {"ingest": 1.0, "tune@ridge": growth}
    made = [
        {"recordings": n, "stage": name, "seconds": 20.0 * n**p} for n in (5, 50, 200) for name, p in powers.items()
    ]
    return pd.DataFrame(made).assign(cpu_s=1.0, peak_mb=100.0, failed=False)


def test_exponents_are_those_of_the_growth() -> None:
    table = recordings.with_exponents(rows(2.0))
    of = table[table["recordings"] == 200].set_index("stage")
    assert of["exponent"].to_dict() == pytest.approx({"ingest": 1.0, "tune@ridge": 2.0})
    assert of["memory_exponent"].to_dict() == pytest.approx({"ingest": 0.0, "tune@ridge": 0.0})
    assert table.loc[table["recordings"] == 5, "exponent"].isna().all()
    assert recordings.summary(table)[-1].endswith("above 1.1: tune@ridge 2.00.")
    assert recordings.summary(recordings.with_exponents(rows(1.0)))[-1].endswith("above 1.1: none.")


def test_a_stage_that_fails_is_named() -> None:
    table = rows(1.0)
    table.loc[table.index[-1], "failed"] = True
    assert "**tune@ridge failed**" in recordings.summary(recordings.with_exponents(table))[2]


@pytest.mark.slow
def test_one_command_writes_the_table(tmp_path: Path) -> None:
    stages = ["simulate", "ingest"]
    words = ["--recordings", "1", "2", "--quick", "--stages", *stages, "--work", str(tmp_path / "w")]
    recordings.main([*words, "--out", str(tmp_path)])
    table = pd.read_csv(tmp_path / "recordings.csv")
    assert table[["stage", "recordings"]].to_numpy().tolist() == [[s, n] for n in (1, 2) for s in stages]
    assert (table["seconds"] > 0).all() and (table["peak_mb"] > 20).all() and not table["failed"].any()
    assert len(list((tmp_path / "w" / "2 recordings" / "data" / "simulated").glob("*.nwb"))) == 2
    recordings.main([*words, "--out", str(tmp_path / "again")])  # nothing runs again
    assert (tmp_path / "again" / "recordings.csv").read_bytes() == (tmp_path / "recordings.csv").read_bytes()
