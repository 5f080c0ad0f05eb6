"""The model card: what a registered version is, what it was tested on, and what it must not be used for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from spikebridge.gates import Gate
from spikebridge.tracking import describe
from spikebridge.tracking.identity import Identity
from spikebridge.tracking.results import Results


def model_card(
    results: Results, identity: Identity, model: str, gates: Mapping[str, Gate], about: Mapping[str, Any]
) -> str:
    """Markdown: use, data, scores with intervals, nulls, gates, limits."""
    c = results.config
    scores = results.scores(model)
    source, target = "+".join(c.data.source), "+".join(c.data.target)
    outputs = ", ".join(f"`{name}`" for name in describe.outputs(scores))
    nulls = results.table("nulls.csv")
    units = [[name, len(r["source_units"]), len(r["target_units"])] for name, r in about["recordings"].items()]
    scored = [[title, describe.with_interval(scores, key)] for key, title in describe.HEADINGS.items() if key in scores]
    parts = [
        f"# {model}: {c.trials.label} from {source} spikes",
        f"Chosen among {', '.join(results.deciding())} by inner cross-validation; the scores below chose nothing.",
        "## Intended use",
        f"Predicts `{c.trials.label}` ({', '.join(about['classes'])}) of single trials "
        f"of the recordings below from binned {source} spikes. Outputs: {outputs}. "
        "It knows the units of these recordings only: another session, sorting or animal needs a new fit.",
        "```python\nimport spikebridge\n"
        f'model = spikebridge.load("models:/{c.tracking.registered_model}@champion")\n'
        "labels = model.predict(counts)  # (trial, bin, unit), spikes per bin\n```",
        "## Data",
        f"`{c.data.path}`: window {c.trials.window_s[0]:g} to {c.trials.window_s[1]:g} s around `{c.trials.align}`, "
        f"{about['n_bins']} bins of {1000 * c.bins.width_s:g} ms, split by {c.split.by} into {c.split.outer_folds} "
        "outer folds with gaps. The saved model is the fit on all trials.",
        describe.markdown_table(["recording", f"{source} units", f"{target} units"], units),
        "## Scores, out of fold",
        describe.markdown_table(["metric", "estimate"], scored),
        f"Intervals: {describe.interval_text(results)}.",
        "## Nulls",
        describe.markdown_table(
            ["null", "metric", "observed", "null mean", "p", "role"],
            [
                [r["null"], r["metric"], *(describe.number(r[k]) for k in ("observed", "null_mean", "p")), r["role"]]
                for r in nulls[nulls["model"] == model].to_dict("records")
            ],
        ),
        "## Gates",
        "\n".join(f"- {'passed' if g.passed else '**FAILED**'} {name}: {g.reason}" for name, g in gates.items()),
        "## Limits",
        f"Correlational: predicting {target} or decisions from {source} may rest on common input and does not show "
        "communication. Drift shared by spikes and behaviour is bounded by blocked folds and nulls, not removed. "
        f"{n_recordings(units)}: intervals speak for sessions like these.",
        "## Provenance",
        "\n".join(f"- {name}: `{value}`" for name, value in identity.tags().items()),
    ]
    return "\n\n".join(parts)


def n_recordings(units: list[list[object]]) -> str:
    return f"{len(units)} recording{'s' if len(units) != 1 else ''}"
