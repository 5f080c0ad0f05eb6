"""What the benchmark of fan-out supposes of other numbers of workers; tests/test_fan_out_pipeline.py runs both ways."""

from __future__ import annotations

from pathlib import Path

import pytest

import fan_out


@pytest.mark.parametrize(
    ("seconds", "workers", "end"), [([3, 1, 1, 1], 2, 3), ([1, 1, 1], 1, 3), ([2, 1], 9, 2), ([1, 1, 3], 2, 4)]
)
def test_each_job_goes_to_the_worker_that_is_free_first(seconds: list[float], workers: int, end: float) -> None:
    assert fan_out.makespan(seconds, workers) == end


def test_stages_of_a_wave_share_the_workers() -> None:
    times = {"tune@a": [2.0, 2.0], "tune@b": [2.0, 2.0], "train@a": [1.0], "analyze": [1.0]}
    assert fan_out.supposed(times, 4) == (2 + 2 + 1 + 1, 2 + 1)
    assert fan_out.supposed(times, 1) == (10, 10)


def test_times_of_jobs_are_those_of_their_logs(tmp_path: Path) -> None:
    folder = tmp_path / "runs" / "jobs" / "logs" / "tune@dnn"
    folder.mkdir(parents=True)
    text = "2026-01-01 10:00:00 tune@dnn, fold 0: begins on a\n2026-01-01 10:00:02 tune@dnn, fold 0: "
    (folder / "fold-0-12345678.log").write_text(f"{text}result stored after 2.5 s\n")
    assert fan_out.job_seconds(tmp_path) == {"tune@dnn": [2.5]}
