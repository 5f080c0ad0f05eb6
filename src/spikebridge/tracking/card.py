"""The model card: what a registered version is, what it was tested on, and what it must not be used for.

Headings after Mitchell et al. 2019, "Model cards for model reporting".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from spikebridge.gates import Claim, Gate, claims, failed
from spikebridge.labels.trial_labels import label_text
from spikebridge.text.plain_text import code_span, escape_markdown
from spikebridge.tracking import describe
from spikebridge.tracking.identity import Identity
from spikebridge.tracking.results import Results

CHAMPION, CANDIDATE = "champion", "candidate"
QUESTIONS = {
    "leakage": "Has it seen what it is scored on?",
    "above_majority": "Is it better than always saying the commonest decision?",
    "nulls": "Is its score gone when its predictions are paired with other trials?",
    "translation": "Does the source tell something of the target, trial by trial?",
    "present_champion": "Is it at least as good as the champion before it?",
}
"""What each gate asks, in words."""
SPLITS = {
    "block": "Every outer fold holds out contiguous stretches of each recording, with a gap around them",
    "recording": "Every outer fold holds out whole recordings",
    "animal": "Every outer fold holds out whole animals",
}


def model_card(
    results: Results, identity: Identity, model: str, gates: Mapping[str, Gate], about: Mapping[str, Any]
) -> str:
    """Markdown: use, data, scores with intervals, nulls, gates, translation, power, limits, provenance.

    about: what travels with the model as served.json, and its `version`.
    """
    found = claims(results.metrics(), results.table("comparisons.csv"), results.config.statistics.alpha)
    parts = [
        *_head(results, model, gates, about),
        *_data(results, about),
        *_scores(results, model, about),
        *_nulls(results, model),
        "## Gates",
        f"A version that passes them all becomes `{CHAMPION}`. Any other stays `{CANDIDATE}`, unless a person decides "
        "otherwise (`spikebridge promote`): then a line below the title says who, when and why.",
        describe.markdown_table(["gate", "asks", "outcome", "why"], _gates(gates)),
        *_translation(found, model),
        *_power(results.metrics(), model),
        *_limits(results, about),
        "## Provenance",
        "The tables, tests and out-of-fold predictions behind this card lie beside the model, in `evidence/`.",
        listed(f"{name}: `{value}`" for name, value in identity.tags().items()),
    ]
    return "\n\n".join(part for part in parts if part)


def _head(results: Results, model: str, gates: Mapping[str, Gate], about: Mapping[str, Any]) -> Iterator[str]:
    c = results.config
    source, target = (escape_markdown("+".join(names)) for names in (c.data.source, c.data.target))
    outputs = describe.outputs(results.scores(model))
    yield f"# {model}: {escape_markdown(label_text(c.trials.label))} from {source} spikes"
    lacking = ", ".join(failed(gates))
    yield (
        f"**{f'Gates failed: {lacking}.' if lacking else 'All gates passed.'}** Chosen among "
        f"{', '.join(results.deciding())} by inner cross-validation; the scores below chose nothing."
    )
    yield "## Intended use"
    also = f", and the firing of {target} that goes with them" if "target_rates" in outputs else ""
    classes, named = ", ".join(map(escape_markdown, about["classes"])), ", ".join(f"`{name}`" for name in outputs)
    yield (
        f"Predicts {code_span(label_text(c.trials.label))} ({classes}) of single trials of the recordings below from "
        f"binned {source} spikes{also}. Outputs: {named}. It knows the units of "
        "these recordings only: another session, sorting or animal needs a new fit, or `spikebridge adapt`."
    )
    yield (
        "```python\nimport spikebridge\n"
        f'model = spikebridge.load("models:/{c.tracking.registered_model}/{about["version"]}")\n'
        "labels = model.predict(counts)  # (trial, bin, unit), spikes per bin\n```"
    )


def _data(results: Results, about: Mapping[str, Any]) -> Iterator[str]:
    c = results.config
    source, target = (escape_markdown("+".join(names)) for names in (c.data.source, c.data.target))
    yield "## Data and split"
    yield (
        f"{code_span(c.data.path)}: window {c.trials.window_s[0]:g} to {c.trials.window_s[1]:g} s around "
        f"{code_span(c.trials.align)}, {about['n_bins']} bins of {1000 * c.bins.width_s:g} ms. "
        f"{SPLITS[c.split.by]}; {c.split.n_outer_folds} outer "
        f"folds, split `{about['split_hash'][:12]}`. Everything that learns, settings included, learned inside each "
        "fold's training set. The saved model is the fit on all trials with settings chosen in the same way."
    )
    yield listed(
        f"{escape_markdown(name)}: {len(r['source_units'])} {source} units, {len(r['target_units'])} {target} units"
        for name, r in about["recordings"].items()
    )


def _scores(results: Results, model: str, about: Mapping[str, Any]) -> Iterator[str]:
    scores, content = results.scores(model), results.metrics()
    yield "## Scores, out of fold"
    rows = [[title, describe.with_interval(scores, key)] for key, title in describe.HEADINGS.items() if key in scores]
    yield describe.markdown_table(["score", "value [interval]"], rows)
    chance = f"Balanced accuracy of knowing nothing: {describe.number(1 / len(about['classes']))}."
    rate = content.get("no_information_rate", {}).get("value")
    known = f" Share of the commonest decision: {describe.number(rate)}." if rate is not None else ""
    yield (
        f"{chance}{known} Intervals: {describe.interval_text(results)}. Within blocks: scored in each test block and "
        "averaged, so that a model gains nothing from knowing how common a decision is at the time."
    )
    table = results.table("comparisons.csv")
    mine = table[(table["role"] == "primary") & table[["model_a", "model_b"]].eq(model).any(axis=1)]
    if len(mine):
        smallest = describe.number(mine["smallest_attainable_p"].max())
        yield (
            "Primary tests with this model, declared before the data were seen, p corrected by Holm within a family "
            f"(the smallest p that the clusters allow, uncorrected: {smallest}):"
        )
        yield describe.comparison_table(mine)


def _nulls(results: Results, model: str) -> Iterator[str]:
    nulls = results.table("nulls.csv")
    mine = nulls[nulls["model"] == model].to_dict("records")
    yield "## Nulls"
    if not mine:
        yield "None was made of this model."
        return
    yield "The same predictions where they have nothing to do with the trials. The gate rests on the primary ones."
    head = ["null", "role", "score", "observed", "under the null", "p"]
    rows = [
        [r["null"], r["role"], r["metric"], *(describe.number(r[key]) for key in ("observed", "null_mean", "p"))]
        for r in mine
    ]
    yield describe.markdown_table(head, rows)


def _gates(gates: Mapping[str, Gate]) -> Iterator[list[str]]:
    for name, gate in gates.items():
        word = gate.word if gate.word != "failed" else "**FAILED**"
        yield [name, QUESTIONS.get(name, ""), word, gate.reason]


def _translation(found: Mapping[str, Claim], model: str) -> Iterator[str]:
    if not found:
        return
    yield "## Translation"
    if model in found:
        yield f"This version gives latents and target rates. Translation {found[model].says}."
        if not found[model].holds:
            yield "Its latents and rates must not be taken for what the regions share."
    else:
        yield f"{model} does not translate: nothing about translation is claimed by this version."
    yield listed(f"{name}: {claim.says}" for name, claim in found.items() if name != model)


def _power(content: Mapping[str, Any], model: str) -> Iterator[str]:
    """What the tests with this model could have seen; metrics.json, "power": family -> pair -> numbers."""
    pairs = {
        name: one
        for family in content.get("power", {}).values()
        for name, one in family.items()
        if model in name.split("_minus_")
    }
    if not pairs:
        return
    yield "## Power"
    yield (
        "The smallest true difference that each primary test would have found four times in five, how many independent "
        "trials these trials are worth, and how many more clusters would show the difference that was seen."
    )
    head = ["pair", "score", "could have seen", "trials", "worth", "clusters", "more needed"]
    rows = [
        [
            name.replace("_minus_", " − "),
            one["metric"],
            describe.number(one["detectable"]),
            one["n_trials"],
            describe.number(one["effective_trials"]).partition(".")[0],
            f"{one['n_clusters']} {one['cluster']}s",
            "–" if one["clusters_still_needed"] is None else one["clusters_still_needed"],
        ]
        for name, one in pairs.items()
    ]
    yield describe.markdown_table(head, rows)


def _limits(results: Results, about: Mapping[str, Any]) -> Iterator[str]:
    c = results.config
    source, target = (escape_markdown("+".join(names)) for names in (c.data.source, c.data.target))
    yield "## Limits"
    yield listed(
        [
            f"Correlational: predicting {target} or decisions from {source} may rest on common input and does not show "
            "communication.",
            "Drift shared by spikes and behaviour is bounded by blocked folds and nulls, not removed.",
            f"Recordings: {len(about['recordings'])}; intervals speak for sessions like these.",
            "The saved model is fitted on all trials; the scores are of its siblings, each fitted without a fold.",
        ]
    )


def listed(lines: Iterable[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)
