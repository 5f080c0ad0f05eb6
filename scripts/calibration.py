"""Calibration of the tests: simulated studies with known truth through all of evaluate. See docs/calibration.md.

    python scripts/calibration.py --studies 500 --docs

writes reports/calibration/: calibration.csv, power.csv, equivalence.csv, outcomes.parquet, calibration.png, power.png,
calibration.md; with --docs also docs/calibration.md. An interrupted run continues where it stopped.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from spikebridge.artifacts.calibration import CALIBRATION_FOLDER
from spikebridge.calibration.run import Plan, calibrate, summarise
from spikebridge.runtime.stage import one_thread, say

ROOT = Path(__file__).resolve().parents[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--studies",
        type=int,
        default=Plan.studies,
        help="studies without any relation; half as many of equal models",
    )
    parser.add_argument("--power-studies", type=int, default=Plan.power_studies, help="of each entry of its table")
    parser.add_argument("--seed", type=int, default=Plan.seed)
    parser.add_argument("--workers", type=int, default=None, help="processes; all cores where not given")
    parser.add_argument("--out", type=Path, default=CALIBRATION_FOLDER)
    parser.add_argument("--docs", action="store_true", help="write docs/calibration.md as well")
    parser.add_argument("--again", action="store_true", help="run no study; summarise the last ones again")
    given = parser.parse_args()
    plan = Plan(given.studies, given.power_studies, given.seed, given.workers)
    with one_thread():
        (summarise if given.again else calibrate)(
            plan, given.out, say, ROOT / "docs" / "calibration.md" if given.docs else None
        )


if __name__ == "__main__":
    main()
