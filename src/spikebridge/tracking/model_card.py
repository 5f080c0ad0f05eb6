"""The model card: what a registered version is, how it was tested, and what it must not be used for.

Headings after Mitchell et al. 2019, "Model cards for model reporting", FAT* 2019, 220-229.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spikebridge.gates import Gate, GateOutcome, claims, failed
from spikebridge.labels.trial_labels import label_text
from spikebridge.tracking import descriptions
from spikebridge.tracking.identity import Identity
from spikebridge.tracking.markdown import number, render, with_interval
from spikebridge.tracking.results import Results

CHAMPION, CANDIDATE = "champion", "candidate"
QUESTIONS = {
    "leakage": "Did the fits use what they are scored on?",
    "above_majority": "Is it better than always predicting the commonest decision?",
    "nulls": "Does its score vanish when its predictions are paired with other trials?",
    "translation": "Does the source predict the target, trial by trial?",
    "present_champion": "Is it at least as good as the champion before it?",
}
"""The question that each gate answers."""
SPLITS = {
    "block": "Every outer fold holds out contiguous stretches of each recording, with a gap around them",
    "recording": "Every outer fold holds out whole recordings",
    "animal": "Every outer fold holds out whole animals",
}
TITLE = "# {{ model }}: {{ label | escape }} from {{ source }} spikes"
BODY = Path(__file__).with_name("model_card.md.jinja")


@dataclass(frozen=True)
class Card:
    """A model card in Markdown: its title, and all that stands below it."""

    title: str
    body: str

    def text(self, promotion: str = "") -> str:
        """The whole card. promotion: the line about a promotion by a person, below the title; empty without one."""
        return "\n\n".join(part for part in (self.title, promotion, self.body) if part)


def model_card(
    results: Results, identity: Identity, model: str, gates: Mapping[str, Gate], about: Mapping[str, Any]
) -> Card:
    """The card: use, data, scores with intervals, nulls, gates, translation, power, limits, provenance.

    about: the content of served.json, and the `version`.
    """
    c, metrics, scores = results.config, results.metrics(), results.scores(model)
    source, target = descriptions.region_names(results)
    comparisons, nulls = results.evaluation.read_comparisons(), results.evaluation.read_nulls()
    tests = descriptions.primary_tests(results, model)
    start, stop = c.trials.window_s
    label = label_text(c.trials.label)
    title = render(TITLE, model=model, label=label, source=source)
    body = render(
        BODY.read_text(encoding="utf-8"),
        about=about,
        bin_ms=f"{1000 * c.bins.width_s:g}",
        c=c,
        candidate=CANDIDATE,
        champion=CHAMPION,
        claimed=claims(metrics, comparisons, c.statistics.alpha),
        classes=about["classes"],
        deciding=results.deciding(),
        failed=failed(gates),
        gates=gate_rows(gates),
        intervals=descriptions.interval_text(results),
        label=label,
        model=model,
        nulls=null_rows(nulls[nulls["model"] == model].to_dict("records")),
        outputs=descriptions.outputs(scores),
        power=power_rows(metrics.get("power", {}), model),
        provenance=identity.tags(),
        rate=metrics.get("no_information_rate", {}).get("value"),
        scores=[[text, with_interval(scores, key)] for key, text in descriptions.HEADINGS.items() if key in scores],
        smallest_p=tests["smallest_attainable_p"].max() if len(tests) else None,
        source=source,
        splits=SPLITS,
        target=target,
        tests=descriptions.comparison_table(tests) if len(tests) else "",
        window=f"{start:g} to {stop:g}",
    )
    return Card(title, body)


def gate_rows(gates: Mapping[str, Gate]) -> list[list[str]]:
    """One row per gate: name, question, outcome, reason."""
    shown = {outcome: str(outcome) for outcome in GateOutcome} | {GateOutcome.FAILED: "**FAILED**"}
    return [[name, QUESTIONS.get(name, ""), shown[gate.outcome], gate.reason] for name, gate in gates.items()]


def null_rows(nulls: list[dict[Any, Any]]) -> list[list[str]]:
    """One row per null: its name, role and score, the observed score, the mean under the null, p."""
    numbers = ("observed", "null_mean", "p")
    return [[r["null"], r["role"], r["metric"], *(number(r[key]) for key in numbers)] for r in nulls]


def power_rows(power: Mapping[str, Mapping[str, Mapping[str, Any]]], model: str) -> list[list[Any]]:
    """One row per primary test with this model: its detectable difference, and the data that it would need.

    power: metrics.json, "power": family -> pair of models -> numbers.
    """
    pairs = {name: pair for family in power.values() for name, pair in family.items()}
    return [
        [
            name.replace("_minus_", " − "),
            pair["metric"],
            number(pair["detectable"]),
            pair["n_trials"],
            number(pair["effective_trials"]).partition(".")[0],
            f"{pair['n_clusters']} {pair['cluster']}s",
            "–" if pair["clusters_still_needed"] is None else pair["clusters_still_needed"],
        ]
        for name, pair in pairs.items()
        if model in name.split("_minus_")
    ]
