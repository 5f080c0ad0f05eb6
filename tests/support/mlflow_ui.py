"""MLflow's own server on the store of a finished project, as `spikebridge ui` starts it, and what its pages show."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pytest
from browser import free_port, wait_for_server
from fake_project import settings

from spikebridge.tracking import store, store_location, ui

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
"""Cells of the table of runs: the grid draws the pinned columns of a row apart from the others."""
ROWS = """
return [...document.querySelectorAll("tr, [role=row]")].map(
  row => [...row.querySelectorAll("th, td, [role=cell], [role=columnheader], [role=rowheader]")]
    .map(cell => cell.textContent.trim()));
"""
"""Rows of every other table of a page."""


@dataclass(frozen=True)
class Ui:
    """A running server. address: of its first page; at: the store that it shows."""

    address: str
    at: store.Store

    def links(self) -> dict[str, str]:
        """What `spikebridge ui` prints: the words before an address -> the address."""
        port = int(self.address.rpartition(":")[2])
        printed = [line for line in ui.links(self.at.experiment, port) if "http" in line]
        return {line.partition(":")[0]: line.split()[-1] for line in printed}

    def runs(self, kind: str) -> dict[str, str]:
        """Names of the runs of a kind -> their ids."""
        logged = self.at.client.search_runs([self.at.experiment], f"tags.`spikebridge.kind` = '{kind}'")
        return {run.info.run_name: run.info.run_id for run in logged}

    def run_page(self, run_id: str, part: str = "") -> str:
        """The address of a run's page. part: such as artifacts."""
        return f"{self.address}/#/experiments/{self.at.experiment}/runs/{run_id}{f'/{part}' if part else ''}"

    def comparison(self, run_ids: Sequence[str]) -> str:
        """The page that opens where runs are ticked and compared."""
        chosen, of = (quote(json.dumps(ids, separators=(",", ":"))) for ids in (list(run_ids), [self.at.experiment]))
        return f"{self.address}/#/compare-runs?runs={chosen}&experiments={of}"


@contextmanager
def serving(project: Path) -> Iterator[Ui]:
    """The server of `spikebridge ui` for a project, with one worker."""
    port = free_port()
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        at = store.open_store(settings().tracking, project)
        uri = store_location.tracking_uri(None, project)
    environment = {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
    server = subprocess.Popen(
        [*ui.command(uri, port), "--workers", "1"],
        env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    try:
        wait_for_server(f"http://127.0.0.1:{port}/health")
        yield Ui(f"http://127.0.0.1:{port}", at)
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait()
