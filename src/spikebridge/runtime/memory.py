"""How often Python looks for garbage in a program that loads large libraries."""

from __future__ import annotations

import gc

THRESHOLDS = 50_000, 20, 50
"""Objects made before the youngest generation is looked through; how often that happens before the next one is."""


def collect_rarely() -> None:
    """Let garbage collection look through objects less often than by Python's default, for the whole process.

    Loading MLflow and torch makes a million objects, all of which stay. Python's default looks through them hundreds
    of times: that took a third of the time of the stage register of a small study. For programs, not for libraries.
    """
    gc.set_threshold(*THRESHOLDS)
