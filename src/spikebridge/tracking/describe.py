"""Markdown that a colleague reads in MLflow: the execution, the comparison, each model."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from spikebridge.config import declared_tests
from spikebridge.labels.trial_labels import label_text
from spikebridge.statistics import Verdict
from spikebridge.text.keys import safe_path
from spikebridge.text.plain_text import code_span, escape_markdown
from spikebridge.tracking.results import Results

HEADINGS = {
    "balanced_accuracy": "balanced accuracy",
    "balanced_accuracy_within_blocks": "balanced accuracy within blocks",
    "auc": "AUC",
    "log_loss": "log-loss",
    "brier": "Brier",
    "bits_per_spike": "bits/spike",
    "inner_balanced_accuracy": "inner balanced accuracy",
}
PLACES = 3
COLUMNS = {key: title for key, title in HEADINGS.items() if key != "brier"}
"""Of a table with one row a model; one that fits a page."""


def execution(results: Results) -> str:
    """Description of the parent run."""
    c = results.config
    start, stop = c.trials.window_s
    source, target = (escape_markdown("+".join(names)) for names in (c.data.source, c.data.target))
    lines = [
        f"**{source} → {target}**, predicting {code_span(label_text(c.trials.label))} from the window "
        f"{start:g} to {stop:g} s around {code_span(c.trials.align)}, bins of {1000 * c.bins.width_s:g} ms.",
        "",
        score_table(results),
        "",
        f"Intervals: {interval_text(results)}. Inner scores (cross-validation inside the training set) chose "
        "parameters and the best model; the outer scores shown here chose nothing.",
        "",
        f"Data {code_span(c.data.path)}, split by {c.split.by} into {c.split.n_outer_folds} outer folds, seed "
        f"{c.seed}. The run *comparison* holds tables, tests and figures.",
    ]
    return "\n".join(lines)


def score_table(results: Results) -> str:
    """One row a model, as markdown."""
    return markdown_table(["model", *COLUMNS.values()], score_rows(results))


def score_rows(results: Results) -> list[list[str]]:
    """One row a model, decisions first, then translation-only baselines."""
    models = [*results.deciding(), *(m for m in results.models() if not results.decides(m))]
    scores = {m: results.scores(m) for m in models}
    return [[f"**{m}**", *(with_interval(scores[m], key) for key in COLUMNS)] for m in models]


def interval_text(results: Results) -> str:
    """What the intervals are, in words."""
    content = results.metrics()
    level = 100 * (1 - results.config.statistics.alpha)
    cluster, n = content.get("cluster") or "block", content.get("n_clusters")
    within = f" within {content.get('n_recordings')} recordings" if content.get("nested") else ""
    return f"{level:g} % cluster bootstrap over {n or ''} {cluster}s{within}".replace("  ", " ")


def analysis_lines(results: Results) -> list[str]:
    """Whether there was anything to translate, and one line for each analysis that was made."""
    metrics = results.metrics()
    found = metrics.get("analysis", {})
    lines = [
        f"Translation ({model}): {score['verdict']['says']}"
        for model, score in metrics["translation"].items()
        if model in declared_tests.TRANSLATING and score.get("verdict")
    ]
    if gain := metrics.get("communication_gain"):
        units = f"{gain['n_units_above_zero']} of {gain['n_units']} units above zero"
        test = f"Holm p = {number(gain['p_holm'])}, {gain['verdict']}" if gain.get("p_holm") is not None else "no test"
        lines.append(f"Communication gain over the target's own past (bits/spike): {_interval(gain)}, {test}; {units}")
    if ways := found.get("direction", {}).get("source_bits_per_spike"):
        said = [f"{name} {_interval(ways[name])}" for name in ("forward", "reverse", "difference")]
        lines.append(f"Direction (bits/spike from the source): {', '.join(said)}")
    if agree := found.get("latent_consistency"):
        said = [f"{name.replace('_', ' ')} {_interval(score)}" for name, score in agree.items()]
        lines.append(f"Consistency of latents (R2): {', '.join(said)}")
    if units := found.get("held_out_units"):
        ways = {"latents": "latents", "source": "ridge on source", "source_poisson": "Poisson on source"}
        ways = {key: name for key, name in ways.items() if key in units}
        said = [f"{n} {' / '.join(number(units[key][n]['value']) for key in ways)}" for n in units["latents"]]
        lines.append(f"Held-out units (bits/spike, {' / '.join(ways.values())}, by trials): {', '.join(said)}")
    if which := found.get("attribution"):
        known = list(which["spearman_with_true_information"].values())
        other = list(which.get("integrated_spearman_with_true_information", {}).values())
        truth = (
            f", rank correlation with true information {number(sum(known) / len(known))} "
            f"(integrated gradients {number(sum(other) / len(other))})"
            if known and other
            else ""
        )
        lines.append(f"Attribution: {which['n_units']} source units{truth}")
    if optimism := found.get("optimism"):
        said = [
            f"{metric.replace('_', ' ')} {', '.join(_leaked(name, row) for name, row in models.items())}"
            for metric, models in optimism.items()
        ]
        lines.append(f"Leakage would have added (random folds minus blocked ones): {'; '.join(said)}")
    return lines + power_lines(metrics.get("power", {}))


def power_lines(power: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> list[str]:
    """One line a family of decisions: the difference that each declared test would have found four times in five."""
    lines = []
    for family, pairs in power.items():
        if all(one["effective_trials"] is None for one in pairs.values()):
            continue  # of translations: metrics.json and comparisons.csv have it
        said = [f"{pair.replace('_minus_', ' − ')} {_seen(one)}" for pair, one in pairs.items()]
        lines.append(f"Could have seen ({family.replace('_', ' ')}, 80 % power): {', '.join(said)}")
    return lines


def ladder_lines(results: Results) -> Iterator[str]:
    """One line a ladder with the scores of its steps, and one for each gain that is tested; none without a ladder."""
    if not (results.evaluation / "ladder.csv").is_file():
        return
    for kind, rows in results.table("ladder.csv").groupby("kind", sort=False):
        metric = str(rows["metric"].iloc[0])
        steps = rows[(rows["metric"] == metric) & rows["value"].notna()].to_dict("records")
        said = [f"{_words(r['step'])} {number(r['value'])}" for r in steps]
        yield f"Ladder, {kind} ({HEADINGS.get(metric, metric)}): {', '.join(said)}"
        for r in (r for r in steps if pd.notna(r["p_holm"])):
            gain = _interval({"value": r["gain"], "ci_low": r["gain_low"], "ci_high": r["gain_high"]})
            test = f"Holm p = {number(r['p_holm'])}, {_words(r['verdict'])}"
            yield f"  {_words(r['step'])} over {_words(r['reference'])}: {gain}, {test}"


def course_lines(metrics: Mapping[str, Any]) -> Iterator[str]:
    """One line for source and latents each: where in the window the decision is told best, and from when on."""
    for of, said in metrics.get("decision_course", {}).items():
        first = f", first at {number(said['first_time_s'])} s" if said["first_time_s"] is not None else ""
        yield (
            f"Over time, {_words(of)}: best {_interval(said)} at {number(said['best_time_s'])} s; "
            f"{said['parts_that_tell']} of {said['parts']} parts of the window tell the decision{first} "
            f"(max-statistic p = {number(said['p_max'])}{_unless(said['verdict'])})"
        )


def _unless(verdict: str) -> str:
    return f", {verdict}" if Verdict.from_text(verdict) is Verdict.TOO_FEW_CLUSTERS else ""


def _words(name: Any) -> str:
    return str(name).replace("_", " ")


def _seen(one: Mapping[str, Any]) -> str:
    trials, worth = one["n_trials"], one["effective_trials"]
    fewer = f"{trials} trials worth {worth:.0f}" if worth is not None and round(worth) < trials else ""
    more = one["clusters_still_needed"]
    needed = f"{more} more {one['cluster']}{'s' * (more > 1)} for the difference seen" if more else ""
    notes = "; ".join(note for note in (fewer, needed) if note)
    return number(one["detectable"]) + (f" ({notes})" if notes else "")


def filter_lines(results: Results) -> Iterator[str]:
    """One line for each filter of units that is on, over all recordings: units judged and dropped, or why none was."""
    if not (results.evaluation / "quality_filters.csv").is_file():
        return
    table = results.table("quality_filters.csv").fillna({"note": ""})
    for key, rows in table.groupby("filter", sort=False):
        units, judged, dropped = (int(rows[c].sum()) for c in ("units", "judged", "dropped"))
        notes = [str(note) for note in rows["note"].unique() if note]
        if any(note.startswith("off") for note in notes):
            continue
        why = f" ({'; '.join(notes[:2])})" if notes else ""
        yield f"Filter {key}: {judged} of {units} units judged, {dropped} dropped{why}"


def null_lines(results: Results) -> list[str]:
    """One line for each model of the mission: which nulls its scores leave behind, and which cannot tell."""
    table, alpha = results.table("nulls.csv"), results.config.statistics.alpha
    lines = []
    for name in sorted({*declared_tests.DECIDING, *declared_tests.TRANSLATING} & set(table["model"])):
        rows = table[table["model"] == name].to_dict("records")
        failed = [r for r in rows if str(r["passed"]) != "True"]
        unable = [r for r in failed if r["smallest_attainable_p"] > alpha]
        said = [f"{len(rows) - len(failed)} of {len(rows)} passed"]
        for words, which in (("not", [r for r in failed if r not in unable]), ("too few data to decide", unable)):
            if which:
                said.append(f"{words}: {', '.join(r['null'] + ' (' + r['role'] + ')' for r in which)}")
        lines.append(f"Nulls of {name}: {'; '.join(said)}")
    return lines


def _leaked(name: str, row: Mapping[str, Any]) -> str:
    return f"{name} {_interval({'value': row['leaky_minus_blocked'], **row})}"


def _interval(score: Mapping[str, float | None]) -> str:
    low, high = score["ci_low"], score["ci_high"]
    return number(score["value"]) + (f" [{number(low)}, {number(high)}]" if low is not None else "")


def comparison(results: Results, comparisons: pd.DataFrame) -> str:
    """Description of the comparison run."""
    primary = comparisons[comparisons["role"] == "primary"]
    lines = ["**Primary tests** (Holm-corrected within each family, declared before the data were seen)", ""]
    lines.append(comparison_table(primary) if len(primary) else "none")
    lines += [
        "",
        f"Of {len(comparisons)} rows in `comparisons.csv`, {len(comparisons) - len(primary)} are descriptive. McNemar "
        "and DeLong are among them: they take trials for independent, which trials of one session are not.",
    ]
    chosen = results.metrics().get("no_information_rate", {}).get("value")
    if chosen is not None:
        lines.append(f"No-information rate (share of the commonest class): {number(chosen)}.")
    return "\n".join(lines)


COMPARISON_HEAD = ("family", "pair", "metric (test)", "difference", "p (Holm)", "verdict")


def comparison_table(rows: pd.DataFrame) -> str:
    return markdown_table(COMPARISON_HEAD, comparison_rows(rows))


def comparison_rows(rows: pd.DataFrame) -> list[list[str]]:
    """Rows of comparisons.csv for reading."""
    return [
        [
            r["family"],
            f"{r['model_a']} − {r['model_b']}",
            f"{r['metric']} ({r['test']})",
            f"{number(r['estimate'])} [{number(r['ci_low'])}, {number(r['ci_high'])}]",
            number(r["p_holm"]),
            str(r["verdict"]),
        ]
        for r in rows.to_dict("records")
    ]


def comparison_metrics(comparisons: pd.DataFrame) -> dict[str, float]:
    """Primary differences and their corrected p-values, as metrics of the comparison run."""
    found: dict[str, float] = {}
    for r in comparisons[comparisons["role"] == "primary"].to_dict("records"):
        name = safe_path(str(r["family"]), f"{r['model_a']}_minus_{r['model_b']}")
        found |= {name: r["estimate"], f"{name}_p_holm": r["p_holm"]}
    return {k: float(v) for k, v in found.items() if isinstance(v, (int, float)) and math.isfinite(v)}


def model(results: Results, name: str, scores: Mapping[str, float]) -> str:
    """Description of a model's run."""
    shown = [[HEADINGS.get(k, k), with_interval(scores, k)] for k in HEADINGS if k in scores]
    fit = results.fit(name).get("params", {}).get("full", {})
    lines = [markdown_table(["metric", "out of fold"], shown), "", f"Intervals: {interval_text(results)}."]
    lines += ["", "Parameters of the fit on everything: " + (f"`{json.dumps(fit)}`" if fit else "none.")]
    comparisons = results.table("comparisons.csv")
    mine = comparisons[(comparisons["role"] == "primary") & comparisons[["model_a", "model_b"]].eq(name).any(axis=1)]
    if len(mine):
        lines += ["", "**Primary tests with this model**", "", comparison_table(mine)]
    return "\n".join(lines)


def with_interval(scores: Mapping[str, float], key: str) -> str:
    """ "0.712 [0.640, 0.781]", or "–" where there is no such score."""
    if key not in scores:
        return "–"
    low, high = scores.get(f"{key}_ci_low"), scores.get(f"{key}_ci_high")
    interval = f" [{number(low)}, {number(high)}]" if low is not None and high is not None else ""
    return number(scores[key]) + interval


def number(value: Any) -> str:
    """Three places; small p-values as < 0.001; "–" for nothing."""
    if value is None or not math.isfinite(float(value)):
        return "–"
    value = float(value)
    return "< 0.001" if 0 < value < 0.0005 else f"{value:.{PLACES}f}"


def markdown_table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    lines = [list(head), ["---"] * len(head), *([_cell(c) for c in row] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _cell(value: Any) -> str:
    """One cell on one line: a bar in it would begin another."""
    return " ".join(str(value).replace("|", "\\|").split())


def outputs(scores: Mapping[str, float]) -> list[str]:
    """Outputs that a registered model offers, judged by what was scored."""
    return ["label", "probabilities", *(["latents", "target_rates"] if "bits_per_spike" in scores else [])]
