"""Learning curves as stepped metrics, each point once, whether logged live or from history.csv."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from typing import Any

from mlflow.entities import Metric

from spikebridge.tracking import runs
from spikebridge.tracking.store import Store


def points(row: Mapping[str, Any]) -> list[tuple[str, int, float]]:
    """(key, step, value) of one row of history.

    The last fit on everything gets plain keys (`valid_loss`), so that models share a chart; the fits of outer folds are
    grouped as `fold_0/valid_loss`.
    """
    fold = str(row.get("fold", "full"))
    prefix = "" if fold in {"full", ""} else f"fold_{_whole(fold)}/"
    step = int(float(row["epoch"]))
    named = [(f"{prefix}{k}", step, v) for k, v in row.items() if k not in {"fold", "epoch"} and v is not None]
    return [(k, step, float(v)) for k, step, v in named if isinstance(v, (int, float)) and math.isfinite(v)]


def _whole(fold: str) -> str:
    try:
        return str(int(float(fold)))  # a column with 0, 1 and "full" reads as text, one with gaps as 0.0
    except ValueError:
        return fold


class HistoryWriter:
    """Collects points of one run and writes those that are not there yet."""

    def __init__(self, store: Store, run_id: str, fresh: bool = False) -> None:
        self.store, self.run_id, self.fresh = store, run_id, fresh
        self._seen: dict[str, set[int]] = {}
        self._waiting: list[Metric] = []
        self._now = int(time.time() * 1000)

    def add(self, row: Mapping[str, Any]) -> None:
        for key, step, value in points(row):
            seen = self._steps(key)
            if step not in seen:
                seen.add(step)
                self._now = max(self._now + 1, int(time.time() * 1000))
                self._waiting.append(Metric(key, value, self._now, step))

    def flush(self) -> None:
        waiting, self._waiting = self._waiting, []
        runs.log(self.store, self.run_id, waiting)

    def _steps(self, key: str) -> set[int]:
        if key not in self._seen:
            logged = [] if self.fresh else self.store.client.get_metric_history(self.run_id, key)
            self._seen[key] = {m.step for m in logged}
        return self._seen[key]
