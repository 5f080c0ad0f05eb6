"""The first table of the UI in a browser: what a person reads on it, in the view that `spikebridge ui` prints first."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fake_project
import pytest
from browser import browser, free_port, wait_for_server
from fake_project import settings

from spikebridge.tracking import store, store_location, ui

pytestmark = pytest.mark.slow
CELLS = """
const read = {};
for (const row of document.querySelectorAll("[role=row]")) {
  const id = row.getAttribute("row-index");
  if (!id) continue;
  read[id] = read[id] || {};
  for (const cell of row.querySelectorAll("[role=gridcell]")) {
    read[id][cell.getAttribute("col-id")] = cell.textContent.trim();
  }
}
return Object.values(read);
"""
"""Cells of the table: the grid draws the pinned columns of a row apart from the others."""


@pytest.fixture(scope="module")
def address(finished: Path) -> Iterator[str]:
    """The first address that `spikebridge ui` prints, with its server running."""
    port = free_port()
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        experiment = store.open_store(settings().tracking, finished).experiment
        uri = store_location.tracking_uri(None, finished)
    environment = {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
    server = subprocess.Popen(
        [*ui.command(uri, port), "--workers", "1"],
        env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    try:
        wait_for_server(f"http://127.0.0.1:{port}/health")
        yield ui.links(experiment, port)[0].split()[-1]
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait()


def test_scores_with_intervals_are_columns_without_a_click(address: str, tmp_path: Path) -> None:
    with browser(tmp_path, 2800) as window:
        window.open(address)
        window.wait_for("bits_per_spike")
        window.wait_for("random_forest")
        rows: list[dict[str, Any]] = window.run(CELLS)
        asked = [a for a in window.requests() if a.startswith("http")]
    runs = [row for row in rows if row.get("metrics.`balanced_accuracy`")]
    shown = {next(n for n in NAMES if n in row["attributes.`Run Name`"]): row for row in runs}
    assert set(shown) == set(NAMES)
    for name, row in shown.items():
        score = [row[f"metrics.`balanced_accuracy{end}`"] for end in ("", "_ci_low", "_ci_high")]
        if name in fake_project.DECIDING:
            value = 0.5 + 0.01 * fake_project.DECIDING.index(name)
            assert [float(text) for text in score] == pytest.approx([value, value - 0.1, value + 0.1])
        else:
            assert score == ["-", "-", "-"]
        bits = row["metrics.`bits_per_spike`"]
        assert (float(bits) == pytest.approx(0.05)) if name in fake_project.TRANSLATING else (bits == "-")
        assert row.get("duration", "") in {"", "-", "0ms", "0.0s"}, "these runs trained nothing here"
    assert list(shown) == [*reversed(fake_project.DECIDING), "ridge"], "sorted by balanced accuracy"
    assert [a for a in asked if not a.startswith("http://127.0.0.1")] == []


NAMES = sorted({*fake_project.DECIDING, *fake_project.TRANSLATING})
