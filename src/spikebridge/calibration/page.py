"""The page of the calibration, in Markdown: what was simulated, which tests hold, which fail, and the power."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jinja2
import pandas as pd

from spikebridge.calibration.equivalence_claims import AT_MARGIN, MARGIN, NOT_WORSE, TRIALS
from spikebridge.calibration.false_claims import (
    ALL,
    BLOCKS,
    CONSERVATIVE,
    FAILS,
    HOLDS,
    MAX_RATE,
    NEVER,
    RECORDINGS,
    SCENARIO_TITLES,
    UNCLEAR,
    failing,
    test_name,
)
from spikebridge.calibration.outcomes import ALPHA, MEAN, mean_accuracy_spread
from spikebridge.calibration.power_curves import BASE
from spikebridge.calibration.study import RESAMPLES

ROLES = ("primary", "ladder")
"""Roles of tests that have a row with all columns; the others are descriptive."""
Row = Mapping[Any, Any]

TABLE = """\
{% macro table(head, rows) -%}
| {{ head | join(" | ") }} |
|{{ "---|" * head | length }}
{% for row in rows %}| {{ row | join(" | ") }} |
{% endfor %}{% endmacro -%}
"""
"""The macro `table` of the pages: a Markdown table from its head and its rows."""
TEMPLATE = """\
{% macro tests(rows) %}{% for line in rows %}    - {{ line }}
{% endfor %}{% endmacro -%}
# Calibration of the tests: do the p-values mean what they say?

    make calibration     # tables, figures and this page in reports/calibration
    python scripts/calibration.py --studies {{ studies.nothing }} --seed {{ seed }} --docs      # and this page in docs

Simulated studies whose truth is known went through the product from windows to verdicts: the split with its gaps, fits
of product models in every fold, then `evaluate`. Every row of comparisons, nulls, verdicts and intervals that it
reports was counted where its null hypothesis is true. The second command above writes this page. Another page counts
false claims in real recordings, which are crossed so that no link exists: [crossed recordings](crossed.md).

Studies: {{ counts }}.

**Nothing**: choices, source and target are independent of each other. Choices are unbalanced (0.5 to 0.75), come in
streaks and drift in probability; rates of units drift, together and apart, with time constants from two minutes to a
whole session. 4 to 12 recordings of 2 to 4 animals, 60 to 150 trials each, tens of units. Two claims are false: that a
model predicts decisions better than majority, and that the source predicts the target.

**Equal**: the same drift, streaks and imbalance, with real effects: source and target follow shared latents, and both
are tuned to the choice. Source units come in triplets of one tuning; seq2seq is trained on each third, under the names
of the models that are compared, and is equally good on all. The claim that one is better than another is false.

**Unseen recordings**: whole recordings, or animals, are held out (`split.by`), half of the studies each; 6 to 12
recordings of 3 animals. Models are fitted to the spikes of a held-out recording without its labels and decide by the
labels of the others. Latents depend on a place in the same way in every recording, so that recordings can be aligned;
choices depend on a delay that no spike depends on. In *choices unrelated* the target follows the source: the claim that
a model predicts decisions is false. In *no relation* the target is independent of the source as well.

seq2seq is the product's own, with one small network and few epochs: its decisions come from its shared latents alone,
and modes that the target does not follow are taken out. A forest of 12 trees, logistic regression in the place of the
deep network, ridge and aligned principal components are the other models; settings are fixed, in 5 folds (3 animals, or
4 groups of recordings), with {{ resamples }} resamples. Where a test could not reach 5 %
with the clusters at hand ("too few to decide") it is counted apart. A test **holds** where the 95 % interval of its
rate (Clopper-Pearson, over studies) includes 5 % or lies below, and the rate is at most {{ max_rate }} %; it is
**conservative** where the interval lies below 5 %, **fails** where it lies above, and is **unclear** otherwise. Tests
of equivalence have another null hypothesis, a difference, and a table of their own.

## Summary

- {{ n_held.primary }} of {{ n.primary }} primary tests hold their level.
{% if bad.primary %}- Primary tests that are not shown to hold:
{{ tests(bad.primary) }}{% endif -%}
- {{ n_held.ladder }} of {{ n.ladder }} tests of nested models hold their level.
{% if bad.ladder %}- Tests of nested models that are not shown to hold:
{{ tests(bad.ladder) }}{% endif -%}
- "No worse" is claimed of a model that is worse by just the margin in {{ gate[0] }} to {{ gate[1] }} % of studies.
{% if bad.descriptive %}- Descriptive tests that fail:
{{ tests(bad.descriptive) }}{% endif -%}
- {{ n_held.descriptive }} descriptive tests hold in these scenarios, which does not make them primary.

## Primary tests

Few recordings: fewer than six, where test blocks are the clusters of a model against majority.

{{ table(head, full.primary) }}
## Nested models

In "nothing" every second study also fits the nested models, with the product's own steps, on the latents of seq2seq.
Their families claim what latents add to the source's counts, and what the source adds to the target's own past.

{{ table(head, full.ladder) }}
## Descriptive tests

{{ table(["scenario", "test", "false claims", ""], descriptive) }}
## Equivalence

Two decoders at the level of predictions (see power), {{ trials }} trials a recording. "No worse" and "equivalent" are
claims within the margin of {{ margin }}; of decoders that differ by just the margin no more than 5 % of studies may
make them. Posterior probabilities and Bayes factors guarantee no such level: their rates are shown. Columns:
recordings; {{ equivalence_studies }} studies each.

{{ table(equivalence_head, equivalence) }}
## Power

Simulated at the level of predictions, with the variation of the equal decoders above: the true accuracy has between
recordings an SD of {{ sd }} (mean {{ mean }}), and the correctness of two decoders has a (tetrachoric) correlation of
{{ agreement }}. The competitor has {{ base }}. Power is that of one test at {{ alpha }} % under the first step of Holm:
three tests against majority, two against competitors. Columns: recordings. Against majority, test blocks are the
clusters of fewer than six recordings: such a result holds for these recordings only. Two models are compared over
recordings, of which four are too few to decide.

{{ table(power_head, power) }}"""


@dataclass(frozen=True)
class Tables:
    """What the page shows: rates of false claims, power, claims of equivalence, and the outcomes of the studies."""

    table: pd.DataFrame
    power: pd.DataFrame
    equivalence: pd.DataFrame
    outcomes: pd.DataFrame


def page(tables: Tables, seed: int) -> str:
    """The page in Markdown. seed: of the studies."""
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, keep_trailing_newline=True)
    content = _summary(tables) | _rows(tables) | _settings(tables) | {"seed": seed}
    return environment.from_string(TABLE + TEMPLATE).render(content)


def _settings(tables: Tables) -> dict[str, Any]:
    sd, agreement = mean_accuracy_spread(tables.outcomes)
    studies = tables.outcomes.groupby("scenario")["study"].nunique().to_dict()
    return {
        "studies": studies,
        "counts": "; ".join(f"{title} ({studies[name]})" for name, title in SCENARIO_TITLES.items() if name in studies),
        "resamples": f"{RESAMPLES:,}",
        "max_rate": f"{100 * MAX_RATE:.0f}",
        "trials": TRIALS,
        "margin": f"{MARGIN:g}",
        "equivalence_studies": f"{int(tables.equivalence['studies'].max()):,}",
        "sd": f"{sd:.3f}",
        "mean": f"{tables.outcomes[MEAN].dropna().mean():.2f}",
        "agreement": f"{agreement:.2f}",
        "base": f"{BASE:.2f}",
        "alpha": f"{100 * ALPHA:.0f}",
    }


def _summary(tables: Tables) -> dict[str, Any]:
    whole = tables.table[tables.table["clusters"] == ALL]
    nested, others = whole[whole["role"] == "ladder"], whole[~whole["role"].isin(ROLES)]
    failed = others[others["state"] == FAILS].sort_values("rate", ascending=False)
    bad = {
        "primary": failing(tables.table),
        "ladder": nested[nested["state"].isin([FAILS, UNCLEAR])],
        "descriptive": failed,
    }
    n = {role: int((whole["role"] == role).sum()) for role in ROLES}
    held = {role: n[role] - len(bad[role]) for role in ROLES}
    held["descriptive"] = int(others["state"].isin([HOLDS, CONSERVATIVE]).sum())
    claims = tables.equivalence
    gate = claims[(claims["truth"] == AT_MARGIN) & (claims["claim"] == NOT_WORSE)]["rate"]
    return {
        "n": n,
        "n_held": held,
        "bad": {role: [_line(row) for row in rows.to_dict("records")] for role, rows in bad.items()},
        "gate": [f"{100 * rate:.1f}" for rate in (gate.min(), gate.max())],
    }


def _rows(tables: Tables) -> dict[str, Any]:
    table, claims, power = tables.table, tables.equivalence, tables.power
    others = table[~table["role"].isin(ROLES) & (table["clusters"] == ALL)].sort_values("rate", ascending=False)
    return {
        "head": ["scenario", "test", "all", "few recordings", "six or more", "too few to decide", ""],
        "full": {role: _full_rows(table[table["role"] == role]) for role in ROLES},
        "descriptive": [
            [SCENARIO_TITLES[row["scenario"]], test_name(row), _rate(row), row["state"]]
            for row in others.to_dict("records")
        ],
        "equivalence_head": ["truth", "claim", "", *sorted(claims["recordings"].unique())],
        "equivalence": [
            [truth, claim, "false" if false else "true"]
            + [f"{100 * rate:.1f} %" for rate in rows.sort_values("recordings")["rate"]]
            for (truth, claim, false), rows in claims.groupby(["truth", "claim", "false"], sort=False)
        ],
        "power_head": ["against", "effect", "trials", *sorted(power["recordings"].unique())],
        "power": [
            [against, f"{100 * float(str(effect)):.0f} points", trials]
            + [f"{p:.2f}" for p in rows.sort_values("recordings")["power"]]
            for (against, effect, trials), rows in power.groupby(["against", "effect", "trials"], sort=False)
        ],
    }


def _full_rows(rows: pd.DataFrame) -> list[list[str]]:
    """One row a test: all studies, few recordings, six or more."""
    made = []
    for _, tests in rows.groupby(["kind", "scenario", "family", "test", "metric", "against"], sort=False):
        by_clusters = {row["clusters"]: row for row in tests.to_dict("records")}
        rates = [_rate(by_clusters[c]) if c in by_clusters else "" for c in (ALL, BLOCKS, RECORDINGS)]
        whole = by_clusters[ALL]
        undecided = f"{100 * whole['undecidable']:.0f} %"
        made.append([SCENARIO_TITLES[whole["scenario"]], test_name(whole), *rates, undecided, whole["state"]])
    return made


def _line(row: Row) -> str:
    return f"{test_name(row)}; {SCENARIO_TITLES[row['scenario']]}: {_rate(row)}"


def _rate(row: Row) -> str:
    if row["state"] == NEVER:
        return NEVER
    return f"{100 * row['rate']:.1f} % [{100 * row['ci_low']:.1f}, {100 * row['ci_high']:.1f}]"
