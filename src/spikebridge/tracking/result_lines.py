"""What `spikebridge results` prints below the tables: one line for each analysis, null, filter and nested model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from spikebridge.artifacts.evaluation_tables import BASELINES_TABLE, QUALITY_FILTERS_TABLE
from spikebridge.config import declared_tests
from spikebridge.tracking.descriptions import HEADINGS
from spikebridge.tracking.markdown import number
from spikebridge.tracking.results import Results
from spikebridge.types.verdicts import Verdict

PARTS = ("baseline", "shared", "private", "noise")
"""Of the variance of a region."""


def analysis_lines(results: Results) -> list[str]:
    """The verdict on the translation, and one line for each analysis that was run."""
    metrics = results.metrics()
    analyses = metrics.get("analysis", {})
    lines = [
        f"Translation ({model}): {score['verdict']['text']}"
        for model, score in metrics["translation"].items()
        if model in declared_tests.TRANSLATING and score.get("verdict")
    ]
    if gain := metrics.get("communication_gain"):
        units = f"{gain['n_units_above_zero']} of {gain['n_units']} units above zero"
        test = f"Holm p = {number(gain['p_holm'])}, {gain['verdict']}" if gain.get("p_holm") is not None else "no test"
        lines.append(f"Communication gain over the target's own past (bits/spike): {_interval(gain)}, {test}; {units}")
    if ways := analyses.get("direction", {}).get("source_bits_per_spike"):
        texts = [f"{name} {_interval(ways[name])}" for name in ("forward", "reverse", "difference")]
        lines.append(f"Direction (bits/spike from the source): {', '.join(texts)}")
    if agree := analyses.get("latent_consistency"):
        texts = [f"{name.replace('_', ' ')} {_interval(score)}" for name, score in agree.items()]
        lines.append(f"Consistency of latents (R2): {', '.join(texts)}")
    if units := analyses.get("held_out_units"):
        ways = {"latents": "latents", "source": "ridge on source", "source_poisson": "Poisson on source"}
        ways = {key: name for key, name in ways.items() if key in units}
        texts = [f"{n} {' / '.join(number(units[key][n]['value']) for key in ways)}" for n in units["latents"]]
        lines.append(f"Held-out units (bits/spike, {' / '.join(ways.values())}, by trials): {', '.join(texts)}")
    if which := analyses.get("attribution"):
        known = list(which["spearman_with_true_information"].values())
        other = list(which.get("integrated_spearman_with_true_information", {}).values())
        truth = (
            f", rank correlation with true information {number(sum(known) / len(known))} "
            f"(integrated gradients {number(sum(other) / len(other))})"
            if known and other
            else ""
        )
        lines.append(f"Attribution: {which['n_units']} source units{truth}")
    lines += _subspace_lines(analyses)
    if optimism := analyses.get("optimism"):
        texts = [
            f"{metric.replace('_', ' ')} {', '.join(_leaked(name, row) for name, row in models.items())}"
            for metric, models in optimism.items()
        ]
        lines.append(f"Leakage would have added (random folds minus blocked ones): {'; '.join(texts)}")
    return lines + power_lines(metrics.get("power", {}))


def _subspace_lines(analyses: Mapping[str, Any]) -> Iterator[str]:
    """One line each for the loss by every mode that is removed, the alignment of the regions, and their variance."""
    if ablation := analyses.get("ablation"):
        names = {"source_bits_per_spike": "bits/spike from the source", "balanced_accuracy": "balanced accuracy"}
        for metric, name in names.items():
            losses = {k: row["loss"] for k, row in ablation.get(metric, {}).items() if k != "0"}
            if losses:
                yield f"Loss without a mode of the translation ({name}): {_listed(losses)}"
    if alignment := analyses.get("alignment"):
        texts = [
            f"{region} {_listed({n: row['value'] for n, row in measures['alignment'].items()})}"
            for region, measures in alignment.items()
        ]
        yield f"Variance in the shared subspace over that in as many principal components: {'; '.join(texts)}"
    if variance := analyses.get("shared_variance"):
        texts = [
            f"{region} {_listed({part: row['value'] for part, row in parts.items()})}"
            for region, parts in variance.items()
        ]
        yield f"Share of the variance of smoothed counts: {'; '.join(texts)}"


def _listed(values: Mapping[str, float]) -> str:
    return ", ".join(f"{key}: {number(values[key])}" for key in sorted(values, key=_place))


def _place(key: str) -> tuple[int, str]:
    """Parts of a variance in their order, modes and dimensions by their number."""
    return (PARTS.index(key), "") if key in PARTS else (int(key), key)


def power_lines(power: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> list[str]:
    """One line per family of decision tests: the difference that each declared test detects with 80 % power."""
    lines = []
    for family, pairs in power.items():
        if all(row["effective_trials"] is None for row in pairs.values()):
            continue  # for translations, see metrics.json and comparisons.csv
        texts = [f"{pair.replace('_minus_', ' − ')} {_detectable(row)}" for pair, row in pairs.items()]
        lines.append(f"Could have seen ({family.replace('_', ' ')}, 80 % power): {', '.join(texts)}")
    return lines


def beyond_linear_lines(metrics: Mapping[str, Any]) -> Iterator[str]:
    """One line: what seq2seq adds over the best linear translator, and what the data look like."""
    if beyond_linear := metrics.get("beyond_linear"):
        linear, bits = beyond_linear["linear"], beyond_linear["source_bits_per_spike"]
        each = ", ".join(f"{model} {number(bits[model])}" for model in sorted(bits, key=lambda model: model == linear))
        yield (
            f"Over the best linear translator (source bits/spike: {each}): {_interval(beyond_linear)}; "
            f"the data look: {beyond_linear['looks']} (margin {beyond_linear['margin']:.0%} of {linear})"
        )


STATE_MEASURES = {
    "source_bits_per_spike": "translation, source bits/spike",
    "communication_bits_per_spike": "communication gain, bits/spike",
    "fitted_bits_per_spike": "regression fitted in the state, bits/spike",
    "lag_s": "lag, s",
    "dimension": "dimension",
}
"""Measures of states, and what their lines call them."""


def state_lines(metrics: Mapping[str, Any]) -> Iterator[str]:
    """One line for each measure with its value in every state; below it, one for each difference of two states."""
    states = metrics.get("states")
    if not states:
        return
    for measure, title in STATE_MEASURES.items():
        scores = {state: each[measure] for state, each in states["values"].items() if measure in each}
        if scores:
            yield f"States ({title}): {', '.join(f'{state} {_value(score)}' for state, score in scores.items())}"
        for first, others in states["differences"].items():
            for second, ways in ((s, measures[measure]) for s, measures in others.items() if measure in measures):
                for way, row in ways.items():
                    holm = f", Holm p = {number(row['p_holm'])}" if row["p_holm"] is not None else ""
                    value = f"{_interval(row)}{holm}, " if row["value"] is not None else ""
                    yield f"  {first} − {second}, {_spaced(way)}: {value}{row['verdict']}"


def _value(score: Mapping[str, Any]) -> str:
    return _interval(score) if "value" in score else f"({score['reason']})"


def nested_model_lines(results: Results) -> Iterator[str]:
    """One line for the scores of the nested models of each kind, and one for each gain that is tested."""
    table = results.evaluation.read_nested_models()
    if table is None:
        return
    for kind, rows in table.groupby("kind", sort=False):
        metric = str(rows["metric"].iloc[0])
        steps = rows[(rows["metric"] == metric) & rows["value"].notna()].to_dict("records")
        if not steps:
            continue  # the steps are fitted to each recording, so folds that hold whole recordings out have none
        texts = [f"{_spaced(r['step'])} {number(r['value'])}" for r in steps]
        yield f"Nested models, {kind} ({HEADINGS.get(metric, metric)}): {', '.join(texts)}"
        for r in (r for r in steps if pd.notna(r["p_holm"])):
            gain = _interval({"value": r["gain"], "ci_low": r["gain_low"], "ci_high": r["gain_high"]})
            test = f"Holm p = {number(r['p_holm'])}, {_spaced(r['verdict'])}"
            yield f"  {_spaced(r['step'])} over {_spaced(r['reference'])}: {gain}, {test}"


def time_resolved_lines(metrics: Mapping[str, Any]) -> Iterator[str]:
    """One line each for source and latents: the times in the window of the best and of the first decoding."""
    for predictors, row in metrics.get("decision_course", {}).items():
        first = f", first at {number(row['first_time_s'])} s" if row["first_time_s"] is not None else ""
        yield (
            f"Over time, {_spaced(predictors)}: best {_interval(row)} at {number(row['best_time_s'])} s; "
            f"{row['parts_that_tell']} of {row['parts']} parts of the window decode the decision{first} "
            f"(max-statistic p = {number(row['p_max'])}{_too_few(row)})"
        )


def _too_few(row: Mapping[str, Any]) -> str:
    return f", {row['verdict']}" if Verdict.of_row(row) is Verdict.TOO_FEW_CLUSTERS else ""


def _spaced(name: Any) -> str:
    return str(name).replace("_", " ")


def _detectable(row: Mapping[str, Any]) -> str:
    trials, worth = row["n_trials"], row["effective_trials"]
    fewer = f"{trials} trials worth {worth:.0f}" if worth is not None and round(worth) < trials else ""
    more = row["clusters_still_needed"]
    needed = f"{more} more {row['cluster']}{'s' * (more > 1)} for the difference seen" if more else ""
    notes = "; ".join(note for note in (fewer, needed) if note)
    return number(row["detectable"]) + (f" ({notes})" if notes else "")


def quality_filter_lines(results: Results) -> Iterator[str]:
    """One line for each filter of units that is on, over all recordings: units judged and dropped, or why none was."""
    table = results.evaluation.read_table(QUALITY_FILTERS_TABLE)
    if table is None:
        return
    for key, rows in table.fillna({"note": ""}).groupby("filter", sort=False):
        units, judged, dropped = (int(rows[c].sum()) for c in ("units", "judged", "dropped"))
        notes = [str(note) for note in rows["note"].unique() if note]
        if not rows["on"].all():
            continue
        why = f" ({'; '.join(notes[:2])})" if notes else ""
        yield f"Filter {key}: {judged} of {units} units judged, {dropped} dropped{why}"


def baseline_lines(results: Results) -> Iterator[str]:
    """One line: in how many fits each term of the baseline was chosen, and how far each translator was shrunk to it."""
    table = results.evaluation.read_table(BASELINES_TABLE)
    if table is None or not len(table):
        return
    fits = table.drop_duplicates(["recording", "fold"])
    n, psth, drift = len(fits), int(fits["psth"].sum()), int(fits["drift"].sum())
    kernels = fits.loc[fits["drift"], "kernel_s"]
    wide = f" (kernels {kernels.min():g} to {kernels.max():g} s)" if len(kernels) else ""
    scales = table.groupby("model", sort=False)["scale"].mean()
    shrunk = ", ".join(f"{model} {number(scale)}" for model, scale in scales.items() if scale != 1)
    scaled = f"; mean scale of what the source adds: {shrunk}" if shrunk else ""
    yield f"Baseline of all translators: PSTH in {psth} of {n} fits, drift in {drift} of {n}{wide}{scaled}"


def null_lines(results: Results) -> list[str]:
    """One line for each model of the declared tests: how many nulls it passed, and which had too few data to decide."""
    table, alpha = results.evaluation.read_nulls(), results.config.statistics.alpha
    lines = []
    for name in sorted({*declared_tests.DECIDING, *declared_tests.TRANSLATING} & set(table["model"])):
        rows = table[table["model"] == name].to_dict("records")
        failed = [r for r in rows if str(r["passed"]) != "True"]
        unable = [r for r in failed if r["smallest_attainable_p"] > alpha]
        texts = [f"{len(rows) - len(failed)} of {len(rows)} passed"]
        for words, which in (("not", [r for r in failed if r not in unable]), ("too few data to decide", unable)):
            if which:
                texts.append(f"{words}: {', '.join(r['null'] + ' (' + r['role'] + ')' for r in which)}")
        lines.append(f"Nulls of {name}: {'; '.join(texts)}")
    return lines


def _leaked(name: str, row: Mapping[str, Any]) -> str:
    return f"{name} {_interval({'value': row['leaky_minus_blocked'], **row})}"


def _interval(score: Mapping[str, float | None]) -> str:
    low, high = score["ci_low"], score["ci_high"]
    return number(score["value"]) + (f" [{number(low)}, {number(high)}]" if low is not None else "")
