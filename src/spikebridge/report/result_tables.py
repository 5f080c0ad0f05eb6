"""Tables on translation, nested models, nulls and power."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from spikebridge.artifacts.evaluation_tables import UNIT_SCORES_TABLE, YARDSTICKS
from spikebridge.config import declared_tests
from spikebridge.report.content import PageTable, TableRow
from spikebridge.report.study import Row, Study
from spikebridge.report.wording import NOTHING, interval, is_known, metric, number, p_cell, spaced
from spikebridge.types.verdicts import TranslationVerdict

ALL = "all"
"""What tables call all recordings together."""
TESTED_SCORES = {"balanced_accuracy_within_blocks", "bits_per_spike", "communication_bits_per_spike"}
"""Scores of the nested models that tests are of."""
MANY_ROWS = 12
COMPARED = ["model", "against", "score", "test", "difference [interval]", "p", "Holm p", "n", "clusters", "verdict"]


def translation_table(study: Study) -> PageTable:
    """One row a translator: bits/spike over every yardstick, all recordings together."""
    keys = ("bits_per_spike", "source_bits_per_spike", "trial_contrast_bits_per_spike")
    rows = []
    for model in study.translating:
        scores = study.metrics["translation"][model]
        verdict = _translates(study, scores.get("verdict"))
        values = [interval(scores.get(key, {})) for key in keys]
        rows.append(TableRow([study.shown(model), *values, verdict], model=model))
    head = ["model", f"over {study.target}'s mean rate", f"what {study.source} adds", "trial-shift contrast", "verdict"]
    note = (
        f"Bits/spike of held-out {study.target} spikes, with intervals. What {study.source} adds: over the mean, the "
        "course over the trial and the drift that are known without it. Trial-shift contrast: rates of the trial "
        "against those of its neighbours, so that slow drift adds nothing."
    )
    return PageTable("Translation, all recordings", head, rows, note)


def _translates(study: Study, verdict: Mapping[str, Any] | None) -> str:
    """The verdict of a translation; where it is against the model with its reasons."""
    if not verdict:
        return NOTHING
    positive = TranslationVerdict.of(verdict) is TranslationVerdict.TRANSLATES
    return f"{study.source} predicts {study.target}" if positive else study.verdict(verdict["text"])


def recording_scores_table(study: Study, only: Sequence[str]) -> PageTable:
    """One row a recording and translator: bits/spike over every yardstick."""
    more = {(row["model"], row["recording"]): row for row in study.table(UNIT_SCORES_TABLE) if str(row["unit"]) == ALL}
    rows = []
    for name in only:
        for model in study.translating:
            per_recording = study.metrics["translation"][model].get("per_recording", {})
            if name in per_recording:
                row = more.get((model, name), {})
                values = [interval(row, key, f"{key}_low", f"{key}_high") for key in YARDSTICKS[1:]]
                rows.append(
                    TableRow(
                        [name, study.shown(model), _score(per_recording[name]), *values], recording=name, model=model
                    )
                )
    head = [
        "recording", "model", f"over {study.target}'s mean rate", f"what {study.source} adds", "trial-shift contrast",
    ]  # fmt: skip
    note = "Bits/spike. Intervals resample the test blocks of the recording."
    return PageTable(
        "Translation, by recording", head, rows, note, f"tables/{UNIT_SCORES_TABLE}.csv", folded=len(rows) > MANY_ROWS
    )


def _score(value: Any) -> str:
    return interval(value) if isinstance(value, Mapping) else number(value)


def beyond_linear_table(study: Study, only: Sequence[str]) -> PageTable:
    """One row a recording and linear translator: what seq2seq adds to it."""
    rows = [
        TableRow(
            [
                "all recordings" if row["recording"] == ALL else str(row["recording"]),
                spaced(row["linear"]),
                number(row["source_bits_linear"]),
                number(row["source_bits_seq2seq"]),
                interval(row, "difference"),
                str(row["looks"] or ""),
            ],
            recording="" if row["recording"] == ALL else str(row["recording"]),
        )
        for row in study.table("beyond_linear")
        if row["recording"] in only or row["recording"] == ALL
    ]
    head = ["recording", "linear model", "linear", "seq2seq", "seq2seq adds", "the data look"]
    return PageTable(
        f"Beyond a linear translation (bits/spike that {study.source} adds)",
        head,
        rows,
        source="tables/beyond_linear.csv",
    )


def gain_table(study: Study, only: Sequence[str]) -> PageTable:
    """One row a recording: what the source adds to the target's own past."""
    gain = study.metrics.get("communication_gain", {})
    entries = {name: each for name, each in gain.get("per_recording", {}).items() if name in only}
    rows = [TableRow([name, _score(each)], recording=name) for name, each in entries.items()]
    if rows:
        rows.append(TableRow(["all recordings", interval(gain)]))
    note = f"Bits/spike that {study.source} adds to {study.target}'s own past and to behaviour (nested models)."
    return PageTable("Communication gain", ["recording", "gain"], rows, note, "tables/communication_gain.csv")


def nested_table(study: Study, tested: bool) -> PageTable:
    """One row a step of the nested models: value, gain over its reference, test. tested: scores that tests are of."""
    rows = []
    for row in study.nested:
        if (row["metric"] in TESTED_SCORES) is not tested:
            continue
        gain = interval(row, "gain", "gain_low", "gain_high")
        over = f" over {study.shown(row['reference'])}" if row["reference"] else ""
        rows.append(
            TableRow(
                [
                    study.named(row["kind"]),
                    study.shown(row["step"]),
                    metric(str(row["metric"])),
                    interval(row),
                    gain + over if gain != NOTHING else NOTHING,
                    p_cell(row["p"]),
                    p_cell(row["p_holm"]),
                    study.verdict(row["verdict"]),
                ]
            )
        )
    head = ["predicts", "step", "score", "value [interval]", "gain [interval]", "p", "Holm p", "verdict"]
    note = "Each step adds predictors to its reference. A p without a Holm p is not corrected, and supports no claim."
    title = "Nested models" if tested else "Nested models, other scores"
    return PageTable(title, head, rows, note, study.evaluation.nested_models.name, folded=not tested)


def tests_table(study: Study, declared: bool) -> PageTable:
    """The declared tests, or the descriptive ones."""
    rows = [
        TableRow(
            [
                study.shown(row["model_a"]),
                study.shown(row["model_b"]),
                metric(str(row["metric"])),
                spaced(row["test"]),
                interval(row, "estimate"),
                p_cell(row["p"]),
                p_cell(row["p_holm"]),
                number(row["n"]),
                number(row["n_clusters"]),
                study.verdict(row["verdict"]),
            ],
            model=str(row["model_a"]),
        )
        for row in study.comparisons
        if (row["role"] == "primary") is declared
    ]
    title = "Declared tests" if declared else "Descriptive tests"
    note = (
        "Fixed before any data, p corrected by Holm within each family; only these may support a claim."
        if declared
        else "Shown because readers ask for them; their trials or folds are not independent, so they support no claim."
    )
    return PageTable(title, COMPARED, rows, note, study.evaluation.comparisons.name, folded=not declared)


def nulls_table(study: Study, primary: bool) -> PageTable:
    """One row a null and model, of the primary nulls or of the descriptive ones; models of the declared tests first."""
    order = [*declared_tests.DECIDING, *declared_tests.TRANSLATING]
    rows = [row for row in study.nulls if (row["role"] == "primary") is primary]
    rows.sort(key=lambda row: row["model"] not in order)
    head = [
        "null",
        "model",
        "score",
        "observed",
        "mean of null",
        "top of null",
        "p",
        "smallest p",
        "rejected",
        "assumes",
    ]
    title = "Primary nulls" if primary else "Descriptive nulls"
    return PageTable(
        title, head, [_null_row(study, row) for row in rows], source=study.evaluation.nulls.name, folded=not primary
    )


def _null_row(study: Study, row: Row) -> TableRow:
    numbers = [number(row[key]) for key in ("observed", "null_mean", "null_high")]
    cells = [
        spaced(row["null"]),
        study.shown(row["model"]),
        metric(str(row["metric"])),
        *numbers,
        p_cell(row["p"]),
        p_cell(row["smallest_attainable_p"]),
        "yes" if str(row["passed"]) == "True" else "no",
        study.named(row["assumptions"]),
    ]
    return TableRow(cells, model=str(row["model"]))


def power_table(study: Study) -> PageTable:
    """One row a declared test: the smallest difference that it finds with 80 % power, and the data that it needs."""
    rows = []
    for pairs in study.metrics.get("power", {}).values():
        for pair, row in pairs.items():
            first, _, second = pair.partition("_minus_")
            rows.append(
                TableRow(
                    [
                        f"{study.shown(first)} against {study.shown(second)}",
                        metric(row["metric"]),
                        number(row["detectable"]) if is_known(row["detectable"]) else "none: too few clusters",
                        number(row["n_trials"]),
                        number(row["effective_trials"]),
                        f"{row['n_clusters']}",
                        number(row["clusters_to_decide"]),
                        number(row["clusters_for_power"]),
                    ],
                    model=first,
                )
            )
    head = [
        "test",
        "score",
        "smallest difference found",
        "trials",
        "worth (independent trials)",
        "clusters",
        "clusters to decide at all",
        "clusters for the difference seen",
    ]
    note = "Smallest true difference that the test finds four times in five, from the spread between clusters."
    return PageTable("Power of the declared tests", head, rows, note, study.evaluation.comparisons.name)


def unit_scores_table(study: Study, recording: str) -> PageTable:
    """One row a unit of the target and translator: bits/spike over every yardstick."""
    rows = [
        TableRow(
            [
                str(row["unit"]),
                study.shown(row["model"]),
                number(row["spikes"]),
                *(number(row[key]) for key in YARDSTICKS),
            ],
            recording=recording,
            model=str(row["model"]),
        )
        for row in study.table(UNIT_SCORES_TABLE)
        if row["recording"] == recording and str(row["unit"]) != ALL
    ]
    head = [
        f"{study.target} unit", "model", "spikes", "over its mean rate", f"what {study.source} adds",
        "trial-shift contrast",
    ]  # fmt: skip
    note = "Descriptive: no intervals, and units with few spikes scatter widely."
    return PageTable("Bits/spike by unit", head, rows, note, f"tables/{UNIT_SCORES_TABLE}.csv", folded=True)


def unit_gains_table(study: Study, recording: str) -> PageTable:
    """One row a unit of the target: what the source adds to its own past."""
    rows = [
        TableRow(
            [
                str(row["unit"]),
                number(row["spikes"]),
                interval(row, "gain"),
                number(row["linear_source_gain"]),
            ],
            recording=recording,
        )
        for row in study.table("communication_gain")
        if row["recording"] == recording and str(row["unit"]) != ALL
    ]
    head = [f"{study.target} unit", "spikes", f"gain from {study.source} [interval]", "by a linear model"]
    return PageTable(
        "Communication gain by unit (bits/spike)", head, rows, source="tables/communication_gain.csv", folded=True
    )


def measures_table(study: Study, recording: str) -> PageTable:
    """One row a further measure of one recording, where its table is there."""
    rows = []
    for row in _first(study, "lag", recording):
        score = {"value": row["estimate_s"], "ci_low": row["low_s"], "ci_high": row["high_s"]}
        rows.append([f"lag of {study.target} behind {study.source} (s)", interval(score), "tables/lag.csv"])
    for row in _first(study, "dimension", recording):
        rows.append(["dimension of the coupling", number(row["estimate"]), "tables/dimension.csv"])
    ways = {"forward": f"{study.source} to {study.target}", "reverse": f"{study.target} to {study.source}"}
    for row in study.table("direction"):
        if row["recording"] == recording and row["metric"] == "source_bits_per_spike" and row["direction"] in ways:
            text = f"bits/spike beyond the baseline, {ways[str(row['direction'])]}"
            rows.append([text, interval(row), "tables/direction.csv"])
    for row in study.table("latent_consistency"):
        if row["recording"] == recording:
            text = f"consistency of latents between {study.named(spaced(row['compared']))} (R²)"
            rows.append([text, interval(row), "tables/latent_consistency.csv"])
    body = [TableRow([*row[:2], row[2].rpartition("/")[2]], recording=recording) for row in rows]
    return PageTable("Further measures", ["measure", "value [interval]", "table"], body)


def _first(study: Study, table: str, recording: str) -> list[Mapping[Any, Any]]:
    return [row for row in study.table(table) if row["recording"] == recording][:1]
