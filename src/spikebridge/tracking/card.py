"""The model card: what a registered version is, what it was tested on, and what it must not be used for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from spikebridge.gates import Gate
from spikebridge.tracking import describe
from spikebridge.tracking.identity import Identity
from spikebridge.tracking.results import Results

CHAMPION, CANDIDATE = "champion", "candidate"


def model_card(
    results: Results, identity: Identity, model: str, gates: Mapping[str, Gate], about: Mapping[str, Any]
) -> str:
    """Markdown: use, data, scores with intervals, nulls, gates, limits."""
    c = results.config
    scores = results.scores(model)
    source, target = "+".join(c.data.source), "+".join(c.data.target)
    outputs = ", ".join(f"`{name}`" for name in describe.outputs(scores))
    nulls = results.table("nulls.csv")
    units = [
        f"{name}: {len(r['source_units'])} {source} units, {len(r['target_units'])} {target} units"
        for name, r in about["recordings"].items()
    ]
    alias = CHAMPION if all(g.passed for g in gates.values()) else CANDIDATE
    scored = [
        f"{title}: {describe.with_interval(scores, key)}" for key, title in describe.HEADINGS.items() if key in scores
    ]
    tested = [
        f"{r['null']} ({r['role']}), {r['metric']}: {describe.number(r['observed'])} observed, "
        f"{describe.number(r['null_mean'])} under the null, p = {describe.number(r['p'])}"
        for r in nulls[nulls["model"] == model].to_dict("records")
    ]
    parts = [
        f"# {model}: {c.trials.label} from {source} spikes",
        f"Chosen among {', '.join(results.deciding())} by inner cross-validation; the scores below chose nothing.",
        "## Intended use",
        f"Predicts `{c.trials.label}` ({', '.join(about['classes'])}) of single trials "
        f"of the recordings below from binned {source} spikes. Outputs: {outputs}. "
        "It knows the units of these recordings only: another session, sorting or animal needs a new fit.",
        "```python\nimport spikebridge\n"
        f'model = spikebridge.load("models:/{c.tracking.registered_model}@{alias}")\n'
        "labels = model.predict(counts)  # (trial, bin, unit), spikes per bin\n```",
        "## Data",
        f"`{c.data.path}`: window {c.trials.window_s[0]:g} to {c.trials.window_s[1]:g} s around `{c.trials.align}`, "
        f"{about['n_bins']} bins of {1000 * c.bins.width_s:g} ms, split by {c.split.by} into {c.split.outer_folds} "
        "outer folds with gaps. The saved model is the fit on all trials.",
        listed(units),
        "## Scores, out of fold",
        listed(scored),
        f"Intervals: {describe.interval_text(results)}.",
        "## Nulls",
        listed(tested),
        "## Gates",
        listed(f"{name}: {'passed' if g.passed else '**FAILED**'} ({g.reason})" for name, g in gates.items()),
        "## Limits",
        f"Correlational: predicting {target} or decisions from {source} may rest on common input and does not show "
        "communication. Drift shared by spikes and behaviour is bounded by blocked folds and nulls, not removed. "
        f"Recordings: {len(units)}; intervals speak for sessions like these.",
        "## Provenance",
        listed(f"{name}: `{value}`" for name, value in identity.tags().items()),
    ]
    return "\n\n".join(parts)


def listed(lines: Iterable[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)
