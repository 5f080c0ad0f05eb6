"""Calibration audit: simulated studies with known truth through the whole of evaluate. See docs/audit.md.

    python scripts/audit.py --studies 500 --docs

writes reports/audit/: calibration.csv, power.csv, outcomes.parquet, calibration.png, power.png, audit.md; with --docs
also docs/audit.md. An interrupted audit goes on where it was.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from spikebridge.calibration.run import Plan, audit, summarise
from spikebridge.runtime.stage import one_thread, say

ROOT = Path(__file__).resolve().parents[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--studies",
        type=int,
        default=Plan.studies,
        help="studies without anything to find; half as many of equal models",
    )
    parser.add_argument("--power-studies", type=int, default=Plan.power_studies, help="of each entry of its table")
    parser.add_argument("--seed", type=int, default=Plan.seed)
    parser.add_argument("--workers", type=int, default=None, help="processes; all cores where not given")
    parser.add_argument("--out", type=Path, default=Path("reports/audit"))
    parser.add_argument("--docs", action="store_true", help="write docs/audit.md as well")
    parser.add_argument("--again", action="store_true", help="run no study: summarise those of the last audit again")
    given = parser.parse_args()
    plan = Plan(given.studies, given.power_studies, given.seed, given.workers)
    with one_thread():
        (summarise if given.again else audit)(plan, given.out, say, ROOT / "docs" / "audit.md" if given.docs else None)


if __name__ == "__main__":
    main()
