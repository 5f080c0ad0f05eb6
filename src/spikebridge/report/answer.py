"""The answer in five sentences, each with its numbers, and the numbers that stand above them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from spikebridge.config import declared_tests
from spikebridge.report.findings import findings, limits
from spikebridge.report.study import ROLES, Row, Study
from spikebridge.report.wording import counted, interval, is_known, listed, number, p_value, spaced, spread
from spikebridge.types.verdicts import Verdict

CLAIMS = {Verdict.A_BETTER, Verdict.LARGER, Verdict.PREDICTS_DECISION, Verdict.SOURCE_PREDICTS_TARGET}
"""Verdicts of declared tests that support a claim."""
UNDECIDED = {Verdict.TOO_FEW_CLUSTERS}
DECIDES = "seq2seq"
"""The model whose decisions come from the latents that translate."""


@dataclass(frozen=True)
class Sentence:
    """One of the five sentences. subject: what it is about, in one or two words."""

    subject: str
    text: str


@dataclass(frozen=True)
class KeyNumber:
    """A number that stands large above the sentences, and what it is."""

    value: str
    meaning: str


def five_sentences(study: Study) -> list[Sentence]:
    """Translation, decision, declared tests, nulls, and what was refused or is limited."""
    return [
        Sentence("Translation", translation(study)),
        Sentence("Decision", decision(study)),
        Sentence("Declared tests", tests(study)),
        Sentence("Nulls", nulls(study)),
        Sentence("Limits", limited(study)),
    ]


def key_numbers(study: Study) -> list[KeyNumber]:
    """At most four: bits/spike that the source adds, the decision, the declared tests, the data."""
    shown = []
    bits = study.metrics.get("translation", {}).get(study.translator, {}).get("source_bits_per_spike", {})
    if is_known(bits.get("value")):
        shown.append(KeyNumber(number(bits["value"]), f"bits/spike that {study.source} adds to {study.target}"))
    score = study.metrics.get("models", {}).get(DECIDES, {}).get("balanced_accuracy_within_blocks", {})
    if is_known(score.get("value")):
        shown.append(KeyNumber(number(score["value"]), "balanced accuracy of the decision from shared latents"))
    if declared := study.declared:
        claims = sum(Verdict.of_row(row) in CLAIMS for row in declared)
        shown.append(KeyNumber(f"{claims} of {len(declared)}", "declared tests support a claim"))
    n = len(study.recordings)
    trials = f", {counted(study.leakage['trials'], 'trial')}" if "trials" in study.leakage else ""
    shown.append(KeyNumber(str(n), f"recording{'s' * (n != 1)}{_of_animals(study)}{trials}"))
    return shown


def _of_animals(study: Study) -> str:
    return f" of {counted(len(study.animals), 'animal')}" if study.animals else ""


def translation(study: Study) -> str:
    """What the source adds in bits/spike over each yardstick, with intervals and p."""
    source, target, model = study.source, study.target, study.translator
    scores = study.metrics.get("translation", {}).get(model, {})
    if not scores:
        return f"No model translated {source} into {target}."
    where = f"In {counted(len(study.recordings), 'recording')}{_of_animals(study)}"
    parts = [f"over {target}'s mean rate, {interval(scores.get('bits_per_spike', {}))}"]
    if "source_bits_per_spike" in scores:
        own = interval(scores["source_bits_per_spike"])
        parts.insert(0, f"over {target}'s own mean, course and drift, {own}")
    parts += [
        f"over {spaced(row['model_b'])}, {interval(row, 'estimate')} ({p_value(row['p_holm'], 'Holm p')})"
        for row in study.declared
        if (row["model_a"], row["metric"]) == (model, "bits_per_spike")
    ]
    text = f"{where}, {spaced(model)} predicts held-out {target} spikes from {source} by these bits/spike: "
    text += "; ".join(parts)
    if gain := study.metrics.get("communication_gain"):
        test = p_value(gain["p_holm"], "Holm p") if "p_holm" in gain else "no test"
        text += f"; to {target}'s own past and behaviour {source} adds {interval(gain)} ({test})"
    if contrast := scores.get("trial_contrast_bits_per_spike"):
        beaten = [row for row in study.declared if (row["model_a"], row["model_b"]) == (model, "without_source")]
        test = f" ({p_value(beaten[0]['p_holm'], 'Holm p')})" if beaten else ""
        text += f"; the rates of a trial beat those of its neighbours by {interval(contrast)}{test}"
    return text + "."


def decision(study: Study) -> str:
    """The decision from shared latents, against every competitor of the declared tests."""
    scores = study.metrics.get("models", {})
    if DECIDES not in scores:
        return (
            f"No model read the decision from latents that {study.source} and {study.target} share."
            if not scores
            else f"The decision was predicted by {listed(map(spaced, study.deciding))}, and by no shared latents."
        )
    score = scores[DECIDES].get("balanced_accuracy_within_blocks", {})
    what = f"The decision ({' or '.join(study.classes)})" if study.classes else "The decision"
    text = (
        f"{what}, read from the latents that {study.source} and {study.target} share, has a balanced accuracy of "
        f"{interval(score)} in {counted(scores[DECIDES].get('n_trials', 0), 'held-out trial')}"
    )
    against = [
        f"{_signed(row)} {spaced(row['model_b'])} ({p_value(row['p_holm'], 'Holm p')})"
        for row in study.declared
        if row["model_a"] == DECIDES and row["model_b"] in {declared_tests.BASELINE, *declared_tests.DECIDING}
    ]
    return text + (f"; this is {listed(against)}." if against else ".")


def _signed(row: Row) -> str:
    """ "0.301 [0.2, 0.4] above"; a negative estimate with its interval is below."""
    if not is_known(row["estimate"]) or row["estimate"] >= 0:
        return f"{interval(row, 'estimate')} above"
    turned = {"value": -row["estimate"]}
    if is_known(row["ci_low"]) and is_known(row["ci_high"]):
        turned |= {"ci_low": -row["ci_high"], "ci_high": -row["ci_low"]}
    return f"{interval(turned)} below"


def tests(study: Study) -> str:
    """How many declared tests support a claim, which, and why the others do not."""
    rows = study.declared
    if not rows:
        return "No declared test could be made of these models."
    verdicts = [Verdict.of_row(row) for row in rows]
    claims = [row for row, verdict in zip(rows, verdicts, strict=True) if verdict in CLAIMS]
    undecided = [row for row, verdict in zip(rows, verdicts, strict=True) if verdict in UNDECIDED]
    other = len(rows) - len(claims) - len(undecided)
    text = f"Of {counted(len(rows), 'declared test')}, {len(claims)} support{'s' * (len(claims) == 1)} a claim"
    text += f" at {study.sections.statistics.alpha:g} after Holm's correction"
    if claims:
        text += f" ({'; '.join(_pair(study, row) for row in claims)})"
    if undecided:
        smallest = min(row["smallest_attainable_p"] for row in undecided)
        n = spread({row["n_clusters"] for row in undecided})
        text += f"; {len(undecided)} cannot decide, because {n} clusters allow no p below {smallest:.2g}"
    if other:
        text += f"; {other} show{'s' * (other == 1)} no difference"
    return text + "."


def _pair(study: Study, row: Row) -> str:
    name = f"{study.shown(row['model_a'])} against {study.shown(row['model_b'])}"
    return f"{name}: {interval(row, 'estimate')}, {p_value(row['p_holm'], 'Holm p')}"


def nulls(study: Study) -> str:
    """Which nulls the models of the declared tests passed."""
    declared = {*declared_tests.DECIDING, *declared_tests.TRANSLATING}
    rows = [row for row in study.nulls if row["model"] in declared and row["role"] == "primary"]
    if not rows:
        return "No primary null was made of these models."
    passed, unable, failed = _sorted_nulls(rows, study.sections.statistics.alpha)
    text = f"Of {counted(len(rows), 'primary null')} (data without the effect), {len(passed)} "
    text += f"{'is' if len(passed) == 1 else 'are'} rejected" + (f" ({_null_list(passed)})" if passed else "")
    if failed:
        text += f"; {len(failed)} {'is' if len(failed) == 1 else 'are'} not ({_null_list(failed)})"
    if unable:
        smallest = min(row["smallest_attainable_p"] for row in unable)
        text += (
            f"; {len(unable)} cannot be at this size of data, whose smallest p is {smallest:.2g} ({_null_list(unable)})"
        )
    rest = [row for row in study.nulls if row["role"] != "primary"]
    if rest:
        text += f"; of {counted(len(rest), 'descriptive null')} {sum(map(_passed, rest))} are rejected"
    return text + "."


def _sorted_nulls(rows: Iterable[Row], alpha: float) -> tuple[list[Row], list[Row], list[Row]]:
    """Nulls that are rejected, that too few data leave undecided, and that are not rejected."""
    passed = [row for row in rows if _passed(row)]
    left = [row for row in rows if not _passed(row)]
    unable = [row for row in left if is_known(row["smallest_attainable_p"]) and row["smallest_attainable_p"] > alpha]
    return passed, unable, [row for row in left if row not in unable]


def _passed(row: Row) -> bool:
    return str(row["passed"]) == "True"


def _null_list(rows: list[Row]) -> str:
    models: dict[str, list[str]] = {}
    for row in rows:
        models.setdefault(spaced(row["null"]), []).append(f"{spaced(row['model'])} {p_value(row['p'])}")
    return "; ".join(f"{null}: {', '.join(texts)}" for null, texts in models.items())


def limited(study: Study) -> str:
    """The leakage check, what was left out, and what limits the answer."""
    leakage = study.leakage
    n = len(leakage.get("checks", []))
    verb = "passed" if leakage.get("passed") else "FAILED"
    text = f"The leakage check {verb} ({counted(n, 'check')} on {counted(leakage.get('trials', 0), 'trial')})"
    abouts = study.preparation.values()
    if study.preparation:
        kept, total = (sum(about["trials"][key] for about in abouts) for key in ("kept", "total"))
        units = [n for about in abouts for role in ROLES for n in about["units"][role].values()]
        dropped, known = sum(u["dropped"] for u in units), sum(u["dropped"] + u["kept"] for u in units)
        text += f"; {total - kept} of {counted(total, 'trial')} and {dropped} of {counted(known, 'unit')} were left out"
    warnings = [finding for finding in findings(study) if finding.severity == "warning"]
    text += f"; {counted(len(warnings), 'warning')} about the recordings"
    notes = limits(study)
    return text + (f"; {'; '.join(notes)}." if notes else ".")
