"""Processes that write runs, points and files to a store: `python store_writer.py FOLDER RUNS PLACE NAME...`.

They read the store from MLFLOW_TRACKING_URI; each has its project in FOLDER/NAME, as on another machine. Each run has
40 points of a curve, parameters, tags and one file.
"""

from __future__ import annotations

import os
import sys
import traceback
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


def main(folder: Path, number: int, place: str | None, names: list[str]) -> int:
    """Write as several processes at once; returns how many failed. Libraries are loaded before they part."""
    store.quiet_mlflow()
    children = []
    for name in names:
        child = os.fork()
        if child == 0:
            code = 1
            try:
                finished(lambda name=name: write(folder / name, name, number, place), "")  # type: ignore[misc]
                code = 0
            except BaseException:
                traceback.print_exc()
            finally:
                sys.stderr.flush()
                os._exit(code)
        children.append(child)
    return sum(os.waitpid(child, 0)[1] != 0 for child in children)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4:]))
