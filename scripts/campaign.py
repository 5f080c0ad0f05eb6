"""Break the pipeline on purpose and count what holds: kills, full disks, several processes, tampered and hostile files.

    python scripts/campaign.py --part all --docs

Every part works on a small project in a temporary folder. Results are written as JSON; with --docs their table goes
into docs/reliability.md. The exit code is 1 where anything did not hold.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "scripts"), str(ROOT / "tests" / "support"), str(ROOT / "src")]

from campaigns import concurrency, disks, files, kills  # noqa: E402
from campaigns.common import Lab, Result  # noqa: E402

PARTS: dict[str, tuple[Callable[[Lab, int], Iterable[Result]], int, str]] = {
    "kills": (kills.kills, 80, "SIGKILL at a random time of a stage, then the stage again"),
    "idle_kills": (
        kills.idle_kills,
        20,
        "SIGKILL of an idle `dvc repro`, then `spikebridge repair` and `dvc repro`",
    ),
    "full_disk": (disks.full_disk, 30, "a stage on a full, limited, read-only or forbidden disk, then with space"),
    "concurrency": (concurrency.concurrency, 4, "several processes at once on one store, one stage, two clones"),
    "tampering": (files.tampering, 40, "saved models, each changed in many ways, given to `spikebridge predict`"),
    "hostile": (files.hostile, 0, "broken or malicious recordings, given to `inspect` and to the stage ingest"),
}
"""Part: its function, its default number of cases (0: all there are), what it does."""
CasesByPart = dict[str, list[dict[str, Any]]]
"""Part: its results, as they are written."""
PAGE = ROOT / "docs" / "reliability.md"
BEGIN, END = "<!-- campaign: begin -->", "<!-- campaign: end -->"


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--part", choices=[*PARTS, "all"], default="all")
    parser.add_argument("--count", type=int, help="cases of the part; of each part with --part all")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=ROOT / "reports" / "campaign.json")
    parser.add_argument("--work", type=Path, help="a folder for the small project, kept; default: a temporary one")
    parser.add_argument("--docs", action="store_true", help=f"put the table into {PAGE.relative_to(ROOT)}")
    arguments = parser.parse_args(argv)
    chosen = list(PARTS) if arguments.part == "all" else [arguments.part]
    cases_by_part = json.loads(arguments.out.read_text("utf-8")) if arguments.out.is_file() else {}
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    wrong = 0
    with tempfile.TemporaryDirectory(prefix="campaign") as temporary:
        lab = Lab(arguments.work or Path(temporary), arguments.seed, say)
        for part in chosen:
            cases_by_part[part] = []
            for result in run(part, lab, arguments.count):
                wrong += not result.held
                cases_by_part[part].append(result.as_dict())
                write(arguments.out, cases_by_part)
    print(table(cases_by_part))
    if arguments.docs:
        insert(table(cases_by_part))
    return int(wrong > 0)


def run(part: str, lab: Lab, count: int | None) -> Iterator[Result]:
    """One case after the other; what did not hold is said at once."""
    work, default, _ = PARTS[part]
    begin = time.monotonic()
    cases = held = 0
    for result in work(lab, default if count is None else count):
        cases, held = cases + 1, held + result.held
        if not result.held:
            say(f"  {result.case}: {result.outcome}: {result.detail[-600:]}")
        yield result
    say(f"{part}: {held} of {cases} held, {time.monotonic() - begin:.0f} s")


def write(out: Path, cases_by_part: CasesByPart) -> None:
    """After every case, so that a campaign that is stopped keeps what it has found."""
    unfinished = out.with_name(f".{out.name}.partial")
    unfinished.write_text(json.dumps(cases_by_part, indent=1), encoding="utf-8")
    unfinished.replace(out)


def table(cases_by_part: CasesByPart) -> str:
    """Markdown: one row a part, and below it what did not hold, if anything."""
    lines = ["| part | what is done | cases | held | outcomes |", "|---|---|---|---|---|"]
    failed = []
    for part, results in cases_by_part.items():
        outcomes = [str(r["outcome"]) for r in results]
        counts = (
            ", ".join(f"{o} {outcomes.count(o)}" for o in dict.fromkeys(outcomes)) or "none: the cases are not there"
        )
        held = sum(bool(r["held"]) for r in results)
        lines.append(f"| {part.replace('_', ' ')} | {PARTS[part][2]} | {len(results)} | {held} | {counts} |")
        failed += [f"- {part}, {r['case']}: {r['outcome']}" for r in results if not r["held"]]
    return "\n".join([*lines, *(["", "What did not hold:", "", *failed] if failed else [])])


def insert(text: str) -> None:
    page = PAGE.read_text(encoding="utf-8")
    head, _, rest = page.partition(BEGIN)
    PAGE.write_text(f"{head}{BEGIN}\n{machine()}\n\n{text}\n{END}{rest.partition(END)[2]}", encoding="utf-8")


def machine() -> str:
    """Where the campaign ran, with the versions of what it depends on."""
    names = ("spikebridge", "dvc", "mlflow", "optuna", "torch", "numpy", "h5py", "pynwb")
    versions = ", ".join(f"{name} {version(name)}" for name in names)
    return f"Run on {platform.system()}, {os.cpu_count()} cores, Python {platform.python_version()}, {versions}:"


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    os.environ["OMP_NUM_THREADS"] = "1"
    raise SystemExit(main())
