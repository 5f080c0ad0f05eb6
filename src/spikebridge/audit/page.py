"""The audit's page: what was simulated, which tests hold, which fail, and what can be found."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from spikebridge.audit.calibration import ALL, BLOCKS, CONSERVATIVE, FAILS, HOLDS, MOST, NEVER, RECORDINGS, failing
from spikebridge.audit.outcomes import ALPHA
from spikebridge.audit.spread import MEAN, overall
from spikebridge.audit.study import RESAMPLES
from spikebridge.audit.words import WORLD, test_name

INTRO = """# Calibration audit: do the p-values mean what they say?

    make audit                                   # reports/audit: tables, figures, this page; minutes to an hour
    python scripts/audit.py --studies 1000       # more studies; --docs writes this page to docs/audit.md

{studies} studies of each of two worlds with known truth went through the product from windows to verdicts: `make_splits`
with its gaps, real fits of product models in every fold, then `evaluate`, which reports what it reports to anybody.
Every row of comparisons.csv and nulls.csv whose null hypothesis is true was counted. Seed {seed}; made by the command
above, nothing is written by hand.

**Nothing**: choices, source and target are independent of each other. Choices are unbalanced (0.5 to 0.75), repeat
themselves (streaks) and drift in probability; rates of units drift, together and apart; time constants from two minutes
to a whole session. 4 to 12 recordings of 2 to 4 animals, 60 to 150 trials each, tens of units. A claim that a model
knows more than one that cannot know, or that the source tells of the target, is false.
**Equal**: the same drift, streaks and imbalance, with real effects: choices and target depend on the source. Source units
come in triplets with one tuning; three models learn from one third each and are equally good. A claim that one of
them is better is false.

Cheap models stand in under the names of the primary tests (logistic regression, a forest of 12 trees, ridge,
reduced-rank regression) with fixed settings, {resamples:,} resamples for bootstraps and nulls, 5 folds. A test that could
not reach 5 % with its clusters ("too few to decide") is counted apart. holds: the 95 % interval (Clopper-Pearson, over
studies) of the rate includes 5 % or lies below it, and the rate is at most {most:.0%}; conservative: the interval lies
below 5 %; fails: neither. Tests of equivalence have another null and are not in the table.
"""


def page(table: pd.DataFrame, power: pd.DataFrame, outcomes: pd.DataFrame, studies: int, seed: int) -> str:
    """Markdown, from calibration, power table and outcomes."""
    parts = [
        INTRO.format(studies=studies, seed=seed, resamples=RESAMPLES, most=MOST),
        f"## In short\n\n{_short(table)}",
        "## Primary tests\n\nFew recordings: fewer than six, where test blocks are the clusters.\n\n" + _primary(table),
        "## Descriptive tests\n\n" + _described(table),
        "## Power\n\n" + _power(power, outcomes),
    ]
    return "\n".join(parts)


def _short(table: pd.DataFrame) -> str:
    every = table[table["clusters"] == ALL]
    primary, bad = every[every["role"] == "primary"], failing(table)
    lines = [
        f"- {int((primary['state'] != FAILS).sum())} of {len(primary)} primary tests hold their level."
        + (" Not held by: " + "; ".join(f"{_named(r)} ({_rate(r)})" for r in bad.to_dict("records")) if len(bad) else "")
    ]
    failed = every[(every["role"] != "primary") & (every["state"] == FAILS)].sort_values("rate", ascending=False)
    if len(failed):
        worst = "; ".join(f"{_named(r)} ({_rate(r)})" for r in failed.to_dict("records"))
        lines.append(f"- Shown failing, reported as descriptive only: {worst}.")
    held = every[(every["role"] != "primary") & every["state"].isin([HOLDS, CONSERVATIVE])]
    lines.append(f"- {len(held)} descriptive tests hold here. That does not make them primary.")
    return "\n".join(lines) + "\n"


def _named(row: Mapping[str, Any]) -> str:
    return f"{test_name(row)}, {WORLD[row['world']]}"


def _rate(row: Mapping[str, Any]) -> str:
    if row["state"] == NEVER:
        return "never decides"
    return f"{100 * row['rate']:.1f} % [{100 * row['ci_low']:.1f}, {100 * row['ci_high']:.1f}]"


def _primary(table: pd.DataFrame) -> str:
    """One line a test: all studies, few recordings, six or more."""
    lines = ["| world | test | all | few recordings | six or more | too few to decide | |", "|---|---|---|---|---|---|---|"]
    rows = table[table["role"] == "primary"].astype({"against": str})
    for _, tests in rows.groupby(["kind", "world", "family", "test", "metric", "against"], sort=False):
        by = {r["clusters"]: r for r in tests.to_dict("records")}
        whole = by[ALL]
        cells = [_rate(by[c]) if c in by else "" for c in (ALL, BLOCKS, RECORDINGS)]
        lines.append(
            f"| {WORLD[whole['world']]} | {test_name(whole)} | {' | '.join(cells)} | {whole['undecidable']:.0%} | "
            f"{whole['state']} |"
        )
    return "\n".join(lines) + "\n"


def _described(table: pd.DataFrame) -> str:
    rows = table[(table["role"] != "primary") & (table["clusters"] == ALL)].sort_values("rate", ascending=False)
    lines = ["| world | test | false claims | |", "|---|---|---|---|"]
    lines += [
        f"| {WORLD[r['world']]} | {test_name(r)} | {_rate(r)} | {r['state']} |" for r in rows.to_dict("records")
    ]
    return "\n".join(lines) + "\n"


def _power(power: pd.DataFrame, outcomes: pd.DataFrame) -> str:
    sd, agreement = overall(outcomes)
    mean = outcomes[MEAN].dropna().mean()
    lines = [
        "Simulated at the level of predictions, with what the equal decoders of the audit show: a recording's true",
        f"accuracy (mean {mean:.2f}) has an SD of {sd:.3f} between recordings, the correctness of two decoders a",
        f"correlation of {agreement:.2f} (tetrachoric). Power is that of one test at {ALPHA:.0%} under Holm's hardest step",
        "(three tests against majority, two against competitors). Below six recordings the clusters are test blocks.",
        "",
        "| against | effect | trials | " + " | ".join(f"{r} recordings" for r in sorted(power["recordings"].unique())) + " |",
        "|---|---|---|" + "---|" * power["recordings"].nunique(),
    ]
    for (against, effect, trials), rows in power.groupby(["against", "effect", "trials"], sort=False):
        cells = " | ".join(f"{p:.2f}" for p in rows.sort_values("recordings")["power"])
        lines.append(f"| {against} | {100 * effect:.0f} points | {trials} | {cells} |")
    return "\n".join(lines) + "\n"
