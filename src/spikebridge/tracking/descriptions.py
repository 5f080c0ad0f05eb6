"""Descriptions of MLflow runs in Markdown: the execution, the comparison, each model."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping

import pandas as pd

from spikebridge.config.declared_tests import BASELINE
from spikebridge.gates.criteria import MAJORITY_FAMILY
from spikebridge.labels.trial_labels import label_text
from spikebridge.text.keys import safe_path
from spikebridge.text.plain_text import escape_markdown
from spikebridge.tracking.markdown import markdown_table, number, render, with_interval
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
COLUMNS = {key: title for key, title in HEADINGS.items() if key != "brier"}
"""Columns of the table with one row per model; few enough for one page."""


EXECUTION = """
**{{ source }} → {{ target }}.** {{ decision }}
{{ translation }}

{{ scores | table(head) }}

Predicted: {{ label | code }} from {{ window }} s around {{ align | code }}, bins of {{ bin_ms }} ms. Intervals: \
{{ intervals }}. Inner scores (cross-validation inside the training set) chose parameters and the best model; the \
outer scores were not used for any choice. Data {{ path | code }}, split by {{ split.by }} into \
{{ split.n_outer_folds }} outer folds, seed {{ seed }}.
"""


def decision_answer(results: Results) -> str:
    """One sentence: how well the translator decides, and what the declared test against the majority model decided."""
    name = results.config.analysis.model
    if name not in results.deciding():
        return "No translator predicts the decision."
    rows = primary_tests(results, name)
    verdicts = rows.loc[(rows["family"] == MAJORITY_FAMILY) & (rows["model_a"] == name), "verdict"]
    verdict = f"; against {BASELINE}: {escape_markdown(str(verdicts.iloc[0]))}" if len(verdicts) else ""
    score = with_interval(results.scores(name), "balanced_accuracy")
    return f"{escape_markdown(name)} decides with a balanced accuracy of {score}{verdict}."


def translation_answer(results: Results) -> str:
    """One sentence: how well the translator translates, and the verdict; "" without a translator."""
    name = results.config.analysis.model
    entry = results.metrics().get("translation", {}).get(name)
    if not entry:
        return ""
    verdict = entry.get("verdict", {}).get("text", "")
    shown = f"; {escape_markdown(str(verdict))}" if verdict else ""
    return f"It translates with {with_interval(results.scores(name), 'bits_per_spike')} bits/spike{shown}."


def execution(results: Results) -> str:
    """Description of the parent run."""
    c = results.config
    source, target = region_names(results)
    return render(
        EXECUTION,
        source=source,
        target=target,
        decision=decision_answer(results),
        translation=translation_answer(results),
        label=label_text(c.trials.label),
        window=f"{c.trials.window_s[0]:g} to {c.trials.window_s[1]:g}",
        align=c.trials.align,
        bin_ms=f"{1000 * c.bins.width_s:g}",
        scores=score_rows(results),
        head=["model", *COLUMNS.values()],
        intervals=interval_text(results),
        path=c.data.path,
        split=c.split,
        seed=c.seed,
    )


def region_names(results: Results) -> list[str]:
    """Names of source and target, escaped for Markdown."""
    data = results.config.data
    return [escape_markdown("+".join(names)) for names in (data.source, data.target)]


def score_rows(results: Results) -> list[list[str]]:
    """One row per model: first the models that predict decisions, then translation-only baselines."""
    models = [*results.deciding(), *(m for m in results.models() if not results.decides(m))]
    scores = {m: results.scores(m) for m in models}
    return [[f"**{m}**", *(with_interval(scores[m], key) for key in COLUMNS)] for m in models]


def interval_text(results: Results) -> str:
    """Description of the intervals."""
    content = results.metrics()
    level = 100 * (1 - results.config.statistics.alpha)
    cluster, n = content.get("cluster") or "block", content.get("n_clusters")
    within = f" within {content.get('n_recordings')} recordings" if content.get("nested") else ""
    return f"{level:g} % cluster bootstrap over {n or ''} {cluster}s{within}".replace("  ", " ")


COMPARISON = """
**Primary tests** (Holm-corrected within each family, declared before the data were seen)

{{ table }}

Of {{ n_rows }} rows in `comparisons.csv`, {{ n_descriptive }} are descriptive. McNemar and DeLong are among them: \
they take trials for independent, which trials of one session are not.
{% if rate is not none %}
No-information rate (share of the commonest class): {{ rate | number }}.
{% endif %}
"""


def comparison(results: Results, comparisons: pd.DataFrame) -> str:
    """Description of the comparison run."""
    primary = comparisons[comparisons["role"] == "primary"]
    return render(
        COMPARISON,
        table=comparison_table(primary) if len(primary) else "none",
        n_rows=len(comparisons),
        n_descriptive=len(comparisons) - len(primary),
        rate=results.metrics().get("no_information_rate", {}).get("value"),
    )


COMPARISON_HEAD = ("family", "pair", "metric (test)", "difference", "p (Holm)", "verdict")


def comparison_table(rows: pd.DataFrame) -> str:
    """The same rows as a table in Markdown."""
    return markdown_table(comparison_rows(rows), COMPARISON_HEAD)


def comparison_rows(rows: pd.DataFrame) -> list[list[str]]:
    """Rows of comparisons.csv, formatted for reading."""
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
    values: dict[str, float] = {}
    for r in comparisons[comparisons["role"] == "primary"].to_dict("records"):
        name = safe_path(str(r["family"]), f"{r['model_a']}_minus_{r['model_b']}")
        values |= {name: r["estimate"], f"{name}_p_holm": r["p_holm"]}
    return {k: float(v) for k, v in values.items() if isinstance(v, (int, float)) and math.isfinite(v)}


MODEL = """
{{ scores | table(["metric", "out of fold"]) }}

Intervals: {{ intervals }}.

Parameters of the fit on all trials: {{ fit }}
{% if tests %}

**Primary tests with this model**

{{ tests }}
{% endif %}
"""


def model(results: Results, name: str, scores: Mapping[str, float]) -> str:
    """Description of a model's run."""
    fit = results.trained(name).read_fit().get("params", {}).get("full", {})
    rows = primary_tests(results, name)
    return render(
        MODEL,
        scores=[[title, with_interval(scores, key)] for key, title in HEADINGS.items() if key in scores],
        intervals=interval_text(results),
        fit=f"`{json.dumps(fit)}`" if fit else "none.",
        tests=comparison_table(rows) if len(rows) else "",
    )


def primary_tests(results: Results, model: str) -> pd.DataFrame:
    """The rows of comparisons.csv that are primary tests with this model."""
    table = results.evaluation.read_comparisons()
    return table[(table["role"] == "primary") & table[["model_a", "model_b"]].eq(model).any(axis=1)]


def outputs(scores: Mapping[str, float]) -> list[str]:
    """Outputs of a registered model, derived from its scores."""
    return ["label", "probabilities", *(["latents", "target_rates"] if "bits_per_spike" in scores else [])]
