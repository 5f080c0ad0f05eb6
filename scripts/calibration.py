"""Calibration of the tests: studies with known truth through all of evaluate. See docs/calibration.md, docs/crossed.md.

    python scripts/calibration.py --studies 500 --docs

simulates studies and writes reports/calibration/: calibration.csv, power.csv, equivalence.csv, outcomes.parquet,
calibration.png, power.png, calibration.md; with --docs also docs/calibration.md.

    python scripts/calibration.py --crossed path/to/recordings --params examples/steinmetz/params.yaml

crosses real recordings in every shift, so that no link exists, and writes crossed_added.csv, crossed_claims.csv and
crossed.md; with --docs also docs/crossed.md. An interrupted run of either continues where it stopped.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from spikebridge import config
from spikebridge.artifacts.calibration import CALIBRATION_FOLDER
from spikebridge.calibration.crossed_page import write_crossed
from spikebridge.calibration.crossed_run import crossed_settings, crossed_studies
from spikebridge.calibration.run import Plan, calibrate, summarise
from spikebridge.errors import SpikebridgeError
from spikebridge.runtime.stage import one_thread, say

ROOT = Path(__file__).resolve().parents[1]
PARAMS = Path("examples") / "steinmetz" / "params.yaml"


def parse(words: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--studies",
        type=int,
        default=Plan.studies,
        help="studies without any relation; fewer of the other scenarios",
    )
    parser.add_argument("--power-studies", type=int, default=Plan.power_studies, help="of each entry of its table")
    parser.add_argument("--seed", type=int, default=Plan.seed)
    parser.add_argument("--workers", type=int, default=None, help="processes; all cores where not given")
    parser.add_argument("--out", type=Path, default=CALIBRATION_FOLDER)
    parser.add_argument("--docs", action="store_true", help="write the page in docs as well")
    parser.add_argument("--again", action="store_true", help="run no study; summarise the last ones again")
    parser.add_argument("--crossed", type=Path, metavar="FOLDER", help="cross the recordings of this folder instead")
    parser.add_argument("--params", type=Path, default=ROOT / PARAMS, help="parameter file of --crossed")
    parser.add_argument("--shifts", type=int, nargs="+", default=(), help="of --crossed; all where not given")
    return parser.parse_args(words)


def main(words: list[str] | None = None) -> None:
    given = parse(words)
    with one_thread():
        try:
            (crossed if given.crossed else simulated)(given)
        except SpikebridgeError as error:
            raise SystemExit(f"calibration: {error}") from None


def simulated(given: argparse.Namespace) -> None:
    plan = Plan(given.studies, given.power_studies, given.seed, given.workers)
    docs = ROOT / "docs" / "calibration.md" if given.docs else None
    (summarise if given.again else calibrate)(plan, given.out, say, docs)


def crossed(given: argparse.Namespace) -> None:
    settings = crossed_settings(config.load(given.params), given.crossed, given.workers)
    tables = crossed_studies(settings, given.out / "crossed", say, given.shifts)
    params = given.params.resolve()
    name = params.relative_to(ROOT).as_posix() if params.is_relative_to(ROOT) else params.name
    docs = ROOT / "docs" / "crossed.md" if given.docs else None
    print(write_crossed(tables, {"params": name}, given.out, docs))


if __name__ == "__main__":
    main()
