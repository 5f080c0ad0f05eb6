"""The tables of crossed recordings as files: two CSV tables, and a page in Markdown that counts the false claims."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jinja2
import pandas as pd

from spikebridge.calibration.crossed_claims import ALL as WHOLE
from spikebridge.calibration.crossed_claims import AS_REPORTED, BLOCKS, LEAST_BITS, WITHIN, CrossedTables
from spikebridge.calibration.false_claims import ALL, NEVER, clopper_pearson, false_claim_rates, test_name
from spikebridge.calibration.outcomes import ALPHA
from spikebridge.calibration.page import TABLE
from spikebridge.calibration.scenarios import CROSSED

DECISION_FAMILIES = ("above_majority", "seq2seq_against_competitors")
TRANSLATION_FAMILIES = ("translation", "translation_from_source")
ORDER = (AS_REPORTED, BLOCKS, WITHIN)
TEMPLATE = """\
# Crossed recordings: a negative control from real data

    python scripts/calibration.py --crossed path/to/recordings --params {{ params }}

The source of one recording is paired with the target and the trials of another; trials are matched by order. There is
no link by construction, and both sides drift as they really do. {{ n_recordings }} recordings give
{{ n_recordings - 1 }} shifts (run: {{ n_shifts }}): each is a study of {{ n_recordings }} crossed
recordings with as many trials as the shorter of two has. It goes through the stages split, tune, train, nested_models
and evaluate with the settings of the parameter file; clusters are those of `statistics.cluster: auto`. Every claim
below is false. Every recording is in every shift, so shifts are not independent of each other, and the intervals
(Clopper-Pearson, a shift counted once) are too narrow.

## Summary

- Least that the source adds: {{ least }}; in a single recording: {{ least_single }}. {{ n_below }} of {{ n_added }}
  translators and shifts lie below {{ limit }} bits/spike.
- "The source predicts the target" is the verdict of {{ translates }} translators and shifts.
- Shifts in which a declared test of translations claims something, after Holm: as reported
  {{ translation["as reported"] }}; with test blocks as clusters {{ translation["blocks"] }}.
- Shifts in which a declared test of decisions claims something, after Holm: as reported
  {{ decision["as reported"] }}; with test blocks as clusters {{ decision["blocks"] }}.

## What the source adds

Bits/spike over the baseline, with the interval over test blocks; the least of the {{ n_recordings }} crossed
recordings beside it.

{{ table(["shift", "translator", "all recordings", "least of a recording", "verdict: predicts the target"], added) }}
## False claims

As reported: the clusters of the product. Blocks: the declared tests with test blocks as clusters, which decide
more with few recordings and are not independent. Blocks of one recording: each crossed recording is tested
separately, p is not corrected by Holm; five blocks reach p = 1/32 at best. Too few: share of the tests that cannot
reach {{ alpha }} % with their clusters.

{{ table(["clusters", "test", "tests", "too few", "false claims", "rate"], counts) }}
## The claims

{% if claims %}{{ table(["shift", "recording", "clusters", "test", "models", "p"], claims) -}}
{% else %}No primary test and no test of nested models claims anything.
{% endif -%}
"""


def write_crossed(tables: CrossedTables, about: dict[str, Any], out: Path, docs: Path | None = None) -> str:
    """Write crossed_added.csv, crossed_claims.csv and crossed.md.

    Parameters
    ----------
    tables : CrossedTables
        What `crossed_studies` gave.
    about : dict
        params: the parameter file, as the page names it.
    out : pathlib.Path
        Folder, made where it is missing.
    docs : pathlib.Path, optional
        Page of documentation to write the text to as well.

    Returns
    -------
    str
        The page.
    """
    out.mkdir(parents=True, exist_ok=True)
    tables.added.to_csv(out / "crossed_added.csv", index=False)
    tables.claims.to_csv(out / "crossed_claims.csv", index=False)
    text = crossed_page(tables, about)
    for path in [out / "crossed.md", *([docs] if docs else [])]:
        path.write_text(text, encoding="utf-8")
    return text


def crossed_page(tables: CrossedTables, about: dict[str, Any]) -> str:
    """The page in Markdown. about: as for `write_crossed`."""
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, keep_trailing_newline=True)
    content = _summary(tables) | {"added": _added_rows(tables.added)} | _claim_rows(tables.claims) | about
    return environment.from_string(TABLE + TEMPLATE).render(content)


def _summary(tables: CrossedTables) -> dict[str, Any]:
    pooled, single = (tables.added[(tables.added["recording"] == WHOLE) == whole] for whole in (True, False))
    held = tables.claims[tables.claims["kind"] == "family"]
    by_kind = {
        name: {c: _share(held[held["family"].isin(kinds) & (held["clusters"] == c)]) for c in (AS_REPORTED, BLOCKS)}
        for name, kinds in (("decision", DECISION_FAMILIES), ("translation", TRANSLATION_FAMILIES))
    }
    return {
        "n_recordings": single.groupby("shift")["recording"].nunique().max(),
        "n_shifts": pooled["shift"].nunique(),
        "least": _least(pooled),
        "least_single": _least(single),
        "n_added": len(pooled),
        "n_below": int((pooled["source_bits"] < LEAST_BITS).sum()),
        "limit": f"{LEAST_BITS:g}",
        "alpha": f"{100 * ALPHA:.0f}",
        "translates": f"{int(pooled['translates'].astype(bool).sum())} of {len(pooled)}",
        **by_kind,
    }


def _least(rows: pd.DataFrame) -> str:
    row = rows.loc[rows["source_bits"].idxmin()]
    of = "" if row["recording"] == WHOLE else f", {row['recording']}"
    return f"{row['source_bits']:.4f} bits/spike ({row['model']}, shift {row['shift']}{of})"


def _share(families: pd.DataFrame) -> str:
    """Shifts in which a family claims something, of those in which a test could reach alpha."""
    could = families[families["decidable"].astype(bool)]
    if could.empty:
        return "never decides (too few clusters)"
    claimed = could.groupby("shift")["claimed"].any()
    hits, n = int(claimed.sum()), len(claimed)
    low, high = clopper_pearson(hits, n)
    return f"{hits} of {n} ({100 * low:.0f} to {100 * high:.0f} %)"


def _added_rows(added: pd.DataFrame) -> list[list[str]]:
    rows = []
    for (shift, model), part in added.groupby(["shift", "model"], sort=False):
        whole, each = part[part["recording"] == WHOLE].iloc[0], part[part["recording"] != WHOLE]
        interval = f"{whole['source_bits']:.4f} [{whole['ci_low']:.4f}, {whole['ci_high']:.4f}]"
        says = "yes" if whole["translates"] else "no"
        rows.append([str(shift), str(model), interval, f"{each['source_bits'].min():.4f}", says])
    return rows


def _claim_rows(claims: pd.DataFrame) -> dict[str, Any]:
    """Counts of false claims of the declared tests and of nested models, and every one of these claims."""
    held = claims[claims["role"].isin(["primary", "ladder"])]
    counts = [row for clusters in ORDER for row in _counted(held[held["clusters"] == clusters], clusters)]
    made = [
        [str(row["shift"]), row["recording"], row["clusters"], test_name(row), _models(row), f"{row['p']:.3g}"]
        for row in held[held["claimed"].astype(bool)].to_dict("records")
    ]
    return {"counts": counts, "claims": made}


def _counted(claims: pd.DataFrame, clusters: str) -> list[list[str]]:
    study = claims.groupby(["shift", "recording"], sort=False).ngroup()
    table = false_claim_rates(claims.assign(scenario=CROSSED, study=study, setting_recordings=0), 0)
    rows = []
    for row in table[table["clusters"] == ALL].to_dict("records"):
        rate = NEVER
        if row["state"] != NEVER:
            rate = f"{100 * row['rate']:.0f} % [{100 * row['ci_low']:.0f}, {100 * row['ci_high']:.0f}]"
        share = f"{100 * row['undecidable']:.0f} %"
        rows.append([clusters, test_name(row), str(row["tests"]), share, str(row["false_claims"]), rate])
    return rows


def _models(row: dict[Any, Any]) -> str:
    other = str(row["model_b"] or "")
    return str(row["model_a"]) + (f" against {other}" if other else "")
