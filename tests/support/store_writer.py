"""A process that writes runs, points and files to a store: `python store_writer.py PROJECT NAME RUNS PLACE`.

It reads the store from MLFLOW_TRACKING_URI. Each run has 40 points of a curve, parameters, tags and one file.
"""

from __future__ import annotations

import sys
from pathlib import Path

from spikebridge.config import TrackingConfig
from spikebridge.tracking import runs, store
from spikebridge.tracking.interruptions import finished
from spikebridge.tracking.learning_curves import HistoryWriter

POINTS = 40


def write(project: Path, name: str, number: int, place: str | None) -> None:
    """Write all runs; one that is there is not written again."""
    opened = store.open_store(TrackingConfig(artifact_location=place), project)
    shared = runs.get_or_create(opened, runs.Key("everybody", "everybody", "execution"))
    for k in range(number):
        key = runs.Key(f"{name} {k}", f"{name} {k}", "model", shared.info.run_id)
        run_id = runs.get_or_create(opened, key).info.run_id
        with runs.writing(opened, run_id):
            curve = HistoryWriter(opened, run_id)
            for epoch in range(POINTS):
                curve.add({"fold": "full", "epoch": epoch, "train_loss": 1 / (epoch + 1)})
                if epoch % 10 == 9:
                    curve.flush()
            runs.log(opened, run_id, params={"name": name, "k": k}, tags={runs.CONTENT: name}, scores={"value": k})
            path = project / f"{name}.{k}.txt"
            path.write_text(f"{name} {k}")
            opened.client.log_artifact(run_id, str(path))


if __name__ == "__main__":
    folder, who, n = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    where = sys.argv[4] if len(sys.argv) > 4 else None
    finished(lambda: write(folder, who, n, where), "")
