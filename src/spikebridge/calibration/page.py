"""The audit's page: what was simulated, which tests hold, which fail, and what can be found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from spikebridge.calibration.equivalence_claims import AT_MARGIN, MARGIN, NOT_WORSE, TRIALS
from spikebridge.calibration.false_claims import (
    ALL,
    BLOCKS,
    CONSERVATIVE,
    FAILS,
    HOLDS,
    MOST,
    NEVER,
    RECORDINGS,
    UNCLEAR,
    failing,
)
from spikebridge.calibration.names import WORLD, test_name
from spikebridge.calibration.outcomes import ALPHA
from spikebridge.calibration.power_curves import BASE
from spikebridge.calibration.spread import MEAN, overall
from spikebridge.calibration.study import RESAMPLES

INTRO = """# Calibration audit: do the p-values mean what they say?

    make audit                            # tables, figures and this page in reports/audit
    python scripts/audit.py --studies {nothing} --seed {seed} --docs    # the same, and this page in docs

Simulated studies of two worlds whose truth is known ({nothing} of the first, {equal} of the second) went through
the product from windows to verdicts: the split with its gaps, fits of product models in every fold, then `evaluate`.
Every row that it reports of comparisons, nulls, verdicts and intervals was counted where its null hypothesis is true.
This page is written by the second command above.

**Nothing**: choices, source and target are independent of each other. Choices are unbalanced (0.5 to 0.75), come in
streaks and drift in probability; rates of units drift, together and apart, with time constants from two minutes to a
whole session. 4 to 12 recordings of 2 to 4 animals, 60 to 150 trials each, tens of units. It is false that a model
knows more than majority, and that the source tells of the target.

**Equal**: the same drift, streaks and imbalance, with real effects: choices and target depend on the source. Its units
come in triplets of one tuning; three models learn from a third each and are equally good. It is false that one is
better than another.

Cheap models stand in under the names of the primary tests (logistic regression, a forest of 12 trees, ridge and
reduced-rank regression, settings fixed), in 5 folds, with {resamples:,} resamples. Where a test could not reach 5 %
with the clusters at hand ("too few to decide") it is counted apart. A test **holds** where the 95 % interval of its
rate (Clopper-Pearson, over studies) includes 5 % or lies below, and the rate is at most {most:.0f} %; it is
**conservative** where the interval lies below 5 %, **fails** where it lies above, and is **unclear** otherwise. Tests
of equivalence have another null hypothesis, a difference, and a table of their own.
"""
IN_FULL = ("primary", "ladder")
"""Roles whose tests have a line with everything."""
LADDER = """In "nothing" each study also climbs the ladder, by the product's own steps, on latents of the linear
translator with which seq2seq starts. Its families claim what latents add to the source's counts, and what the source
adds to the target's own past.

"""


@dataclass(frozen=True)
class Found:
    """What the page tells of: calibration, power, equivalence and the studies' outcomes."""

    table: pd.DataFrame
    power: pd.DataFrame
    alike: pd.DataFrame
    outcomes: pd.DataFrame


def page(found: Found, seed: int) -> str:
    """Markdown."""
    table, outcomes = found.table, found.outcomes
    studies = {str(w): int(n) for w, n in outcomes.groupby("world")["study"].nunique().items()}
    few = "Few recordings: fewer than six, where test blocks are the clusters of a model against majority.\n\n"
    parts = [
        INTRO.format(**studies, seed=seed, resamples=RESAMPLES, most=100 * MOST),
        f"## In short\n\n{_short(table, found.alike)}",
        f"## Primary tests\n\n{few}{_in_full(table[table['role'] == 'primary'])}",
        f"## The ladder\n\n{LADDER}{_in_full(table[table['role'] == 'ladder'])}",
        f"## Descriptive tests\n\n{_described(table)}",
        f"## Equivalence\n\n{_equivalence(found.alike)}",
        f"## Power\n\n{_power(found.power, outcomes)}",
    ]
    return "\n".join(parts)


def _short(table: pd.DataFrame, alike: pd.DataFrame) -> str:
    every = table[table["clusters"] == ALL]
    primary, bad = every[every["role"] == "primary"], failing(table)
    ladder = every[every["role"] == "ladder"]
    others = every[~every["role"].isin(IN_FULL)]
    failed = others[others["state"] == FAILS].sort_values("rate", ascending=False)
    held = int(others["state"].isin([HOLDS, CONSERVATIVE]).sum())
    lines = [f"- {len(primary) - len(bad)} of {len(primary)} primary tests hold their level."]
    if len(bad):
        lines += ["- Primary, and not shown to hold:", *_list(bad)]
    off = ladder[ladder["state"].isin([FAILS, UNCLEAR])]
    lines.append(f"- {len(ladder) - len(off)} of {len(ladder)} tests of the ladder hold their level.")
    if len(off):
        lines += ["- Of the ladder, and not shown to hold:", *_list(off)]
    gate = alike[(alike["truth"] == AT_MARGIN) & (alike["claim"] == NOT_WORSE)]["rate"]
    lines.append(
        f'- "No worse" is said of a model that is worse by just the margin in {100 * gate.min():.1f} to '
        f"{100 * gate.max():.1f} % of studies."
    )
    if len(failed):
        lines += ["- Descriptive, and shown to fail:", *_list(failed)]
    lines.append(f"- {held} descriptive tests hold in these worlds, which does not make them primary.")
    return "\n".join(lines) + "\n"


def _list(rows: pd.DataFrame) -> list[str]:
    return [f"    - {test_name(r)}; {WORLD[r['world']]}: {_rate(r)}" for r in rows.to_dict("records")]


def _rate(row: Mapping[Any, Any]) -> str:
    if row["state"] == NEVER:
        return NEVER
    return f"{100 * row['rate']:.1f} % [{100 * row['ci_low']:.1f}, {100 * row['ci_high']:.1f}]"


def _in_full(rows: pd.DataFrame) -> str:
    """One line a test: all studies, few recordings, six or more."""
    lines = _head("world", "test", "all", "few recordings", "six or more", "too few to decide", "")
    for _, tests in rows.groupby(["kind", "world", "family", "test", "metric", "against"], sort=False):
        by = {r["clusters"]: r for r in tests.to_dict("records")}
        cells = [_rate(by[c]) if c in by else "" for c in (ALL, BLOCKS, RECORDINGS)]
        whole = by[ALL]
        undecided = f"{100 * whole['undecidable']:.0f} %"
        lines.append(_line(WORLD[whole["world"]], test_name(whole), *cells, undecided, whole["state"]))
    return "\n".join(lines) + "\n"


def _described(table: pd.DataFrame) -> str:
    rows = table[~table["role"].isin(["primary", "ladder"]) & (table["clusters"] == ALL)].sort_values(
        "rate", ascending=False
    )
    lines = _head("world", "test", "false claims", "")
    lines += [_line(WORLD[r["world"]], test_name(r), _rate(r), r["state"]) for r in rows.to_dict("records")]
    return "\n".join(lines) + "\n"


def _equivalence(alike: pd.DataFrame) -> str:
    text = f"""Two decoders at the level of predictions (see power), {TRIALS} trials a recording. "No worse" and
"equivalent" are claims within the margin of {MARGIN:g}; of decoders that differ by just the margin no more than 5 % of
studies may make them. Posterior probabilities and Bayes factors promise no such level: what they do is shown. Columns:
recordings; {int(alike["studies"].max()):,} studies each.

"""
    lines = _head("truth", "claim", "", *(str(r) for r in sorted(alike["recordings"].unique())))
    for (truth, claim, false), rows in alike.groupby(["truth", "claim", "false"], sort=False):
        cells = [f"{100 * r:.1f} %" for r in rows.sort_values("recordings")["rate"]]
        lines.append(_line(str(truth), str(claim), "false" if false else "true", *cells))
    return text + "\n".join(lines) + "\n"


def _power(power: pd.DataFrame, outcomes: pd.DataFrame) -> str:
    sd, agreement = overall(outcomes)
    text = f"""Simulated at the level of predictions, with what the equal decoders above show: the true accuracy has
between recordings an SD of {sd:.3f} (mean {outcomes[MEAN].dropna().mean():.2f}), and two decoders are right together
with a correlation of {agreement:.2f} (tetrachoric). The competitor has {BASE:.2f}. Power is that of one test at
{100 * ALPHA:.0f} % under the first step of Holm: three tests against majority, two against competitors. Columns:
recordings. Against majority, test blocks are the clusters of fewer than six: that speaks for these recordings only. Two
models are compared over recordings, of which four are too few to decide.

"""
    lines = _head("against", "effect", "trials", *(str(r) for r in sorted(power["recordings"].unique())))
    for (against, effect, trials), rows in power.groupby(["against", "effect", "trials"], sort=False):
        cells = [f"{p:.2f}" for p in rows.sort_values("recordings")["power"]]
        lines.append(_line(str(against), f"{100 * float(str(effect)):.0f} points", str(trials), *cells))
    return text + "\n".join(lines) + "\n"


def _head(*names: str) -> list[str]:
    return [_line(*names), "|" + "---|" * len(names)]


def _line(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"
