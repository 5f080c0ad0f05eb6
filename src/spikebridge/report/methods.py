"""The methods paragraphs, written from the settings and results of what ran; under CC0, to be copied into a paper.

A paragraph is text with two marks: names that come from data or settings stand between NAME and END, citations are
[@key]. `methods_text` turns them into HTML, Markdown and LaTeX, and escapes both kinds of text for each.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from spikebridge.artifacts.truth import SIMULATED_FOLDER
from spikebridge.report.study import ROLES, Study
from spikebridge.report.versions import package_versions
from spikebridge.report.wording import MINUS, counted, listed, spaced, spread

NAME, END = "\x02", "\x03"
"""Around names that come from data or settings."""
LICENCE = "CC0 1.0: to be copied, changed and used without asking."
MODELS = {
    "seq2seq": "a recurrent sequence-to-sequence network whose latents also give the decision "
    "[@sutskever2014; @pandarinath2018]",
    "random_forest": "a random forest on binned counts [@breiman2001]",
    "dnn": "a multi-layer perceptron on binned counts",
    "majority": "a majority-class model without spikes",
    "ridge": "ridge regression on lagged counts [@hoerl1970]",
    "poisson_glm": "a Poisson generalised linear model on lagged counts [@truccolo2005]",
    "reduced_rank": "reduced-rank regression [@semedo2019]",
    "psth": "the mean course over trials, which uses no simultaneous spikes",
    "logistic": "penalised logistic regression on binned counts",
    "gradient_boosting": "gradient-boosted trees on binned counts",
}
"""What a sentence calls a model; others are called by their name."""
HELD_OUT = {
    "block": "contiguous blocks of trials of every recording",
    "recording": "whole recordings",
    "animal": "whole animals",
}
TESTS = {
    "sign_flip": "sign flips of paired differences between clusters [@winkler2014; @phipson2010]",
    "paired_swap": "swaps of paired trials between models",
}
NULLS = {
    "session_permutation": "session permutation [@harris2020]",
    "linear_shift": "linear shifts [@harris2020]",
    "pseudosession": "pseudosessions [@harris2020]",
    "trial_shuffle": "shuffles of neighbouring trials [@amarasingham2012]",
}


def name(text: object) -> str:
    """A name from data or settings, marked."""
    return f"{NAME}{text}{END}"


def methods(study: Study) -> list[str]:
    """The paragraphs: data, preparation, folds, models, scores and tests, software."""
    paragraphs = [_data(study), _preparation(study), _folds(study), _models(study), _tests(study), _software(study)]
    return [" ".join(sentences) for sentences in (list(p) for p in paragraphs) if sentences]


def _data(study: Study) -> Iterator[str]:
    n = len(study.recordings)
    of = f" of {counted(len(study.animals), 'animal')}" if study.animals else ""
    yield (
        f"We translated binned spikes of {name(study.source)} into those of {name(study.target)} in "
        f"{counted(n, 'recording')}{of} ({listed(map(name, study.recordings))})."
    )
    if study.sections.data.path == SIMULATED_FOLDER.as_posix():
        yield "The recordings are simulated sessions of a foraging task [@steiner2014] with known shared latents."
    if study.preparation:
        sizes = [
            f"{name(recording)}: {about['trials']['kept']} trials ("
            + ", ".join(f"{k} {name(label)}" for label, k in about["labels"].items())
            + "), "
            + " and ".join(
                f"{sum(n['kept'] for n in about['units'][role].values())} {name(region)} units"
                for role, region in zip(ROLES, (study.source, study.target), strict=True)
            )
            for recording, about in study.preparation.items()
        ]
        yield f"Used were {'; '.join(sizes)}."


def _preparation(study: Study) -> Iterator[str]:
    s = study.sections
    start, stop = s.trials.window_s
    yield (
        f"Spikes were counted in bins of {1000 * s.bins.width_s:g} ms in windows from {_signed(start)} to "
        f"{_signed(stop)} s around {name(s.trials.align)}."
    )
    label = (
        s.trials.label if isinstance(s.trials.label, str) else ", ".join(f"{k}: {v}" for k, v in s.trials.label.items())
    )
    classes = f" ({listed(map(name, study.classes))})" if study.classes else ""
    yield f"The decision{classes} was {name(label)}."
    if s.trials.include:
        yield f"Only trials with {name(s.trials.include)} were used."
    q = s.quality
    limits = [f"at least {s.data.min_rate_hz:g} spikes/s"]
    if q.max_isi_violations is not None:
        limits.append(f"a ratio of refractory violations of at most {q.max_isi_violations:g} [@hill2011]")
    if q.min_presence_ratio is not None:
        limits.append(f"spikes in at least {q.min_presence_ratio:.0%} of bins of {q.presence_bin_s:g} s")
    if q.max_amplitude_cutoff is not None:
        limits.append(f"an amplitude cutoff of at most {q.max_amplitude_cutoff:g}")
    yield f"Units were kept with {listed(limits)}, where these could be judged."
    yield from _exclusions(study)


def _signed(value: float) -> str:
    return f"{value:g}".replace("-", MINUS)


def _exclusions(study: Study) -> Iterator[str]:
    left: dict[tuple[str, str], int] = {}
    for about in study.preparation.values():
        for part in about["trials"]["dropped"].values():
            key = "trial", part["text"]
            left[key] = left.get(key, 0) + part["number"]
        for role in ROLES:
            for part in about.get("quality", {}).get("dropped", {}).get(role, {}).values():
                key = "unit", part["text"]
                left[key] = left.get(key, 0) + part["number"]
    texts = [f"{counted(n, kind)} ({name(why)})" for (kind, why), n in left.items() if n]
    if texts:
        yield f"Excluded were {listed(texts)}."
    elif study.preparation:
        yield "No trial and no unit was excluded."


def _folds(study: Study) -> Iterator[str]:
    s, gaps = study.sections, study.leakage.get("gap_s", {})
    gap = f" with a gap of {spread(gaps.values(), ' s')} around every test block" if gaps else ""
    yield (
        f"Scores are of {s.split.n_outer_folds} outer folds that hold out {HELD_OUT[s.split.by]}{gap}; nothing that is "
        "fitted (scaling, hyperparameters, translator, read-out) saw the test data of its fold."
    )
    checks = study.leakage.get("checks", [])
    verdict = "passed" if study.leakage.get("passed") else "did not pass"
    yield f"The times that fits learned from, compared with test blocks and gaps, {verdict} {len(checks)} checks."
    yield (
        f"Hyperparameters were tuned inside each outer fold on {counted(s.split.n_inner_folds, 'inner fold')} with "
        f"{s.tune.n_trials} Optuna trials for every tunable model [@akiba2019]."
    )


def _models(study: Study) -> Iterator[str]:
    def described(names: Iterable[str]) -> str:
        return listed(f"{name(spaced(m))} ({MODELS[m]})" if m in MODELS else name(spaced(m)) for m in names)

    if study.translating:
        yield f"Spikes were translated by {described(study.translating)}."
        yield (
            "Translations are scored in bits per spike [@pillow2008] over the mean rate of the training data, and over "
            f"a baseline of mean, course over the trial and drift that is fitted without {name(study.source)}, once "
            "for all translators."
        )
        yield (
            "The trial-shift contrast compares the rates of a trial with those of neighbouring trials, so that slow "
            "drift adds nothing [@amarasingham2012; @harris2020]."
        )
    if study.deciding:
        others = [m for m in study.deciding if m not in study.translating]
        again = [name(spaced(m)) for m in study.deciding if m in study.translating]
        who = listed([*again, *([described(others)] if others else [])])
        yield f"Decisions were predicted by {who}, and scored by balanced accuracy within test blocks [@brodersen2010]."
    if study.nested:
        steps = dict.fromkeys(study.shown(row["step"]) for row in study.nested)
        yield f"Nested models added predictors step by step ({', '.join(map(name, steps))})."


def _tests(study: Study) -> Iterator[str]:
    s, cluster = study.sections.statistics, str(study.metrics.get("cluster") or "block")
    yield (
        f"Intervals cover {1 - s.alpha:.0%} and come from {s.n_resamples} draws of a cluster bootstrap over "
        f"{counted(study.metrics.get('n_clusters') or 0, cluster)} [@davison1997]."
    )
    if rows := study.declared:
        tests = listed(TESTS.get(test, spaced(test)) for test in dict.fromkeys(row["test"] for row in rows))
        families = listed(name(study.shown(family)) for family in dict.fromkeys(row["family"] for row in rows))
        yield (
            f"The {counted(len(rows), 'declared test')}, fixed before the data were seen (families: {families}), use "
            f"{tests}, with Holm's correction within each family [@holm1979] at alpha = {s.alpha:g}."
        )
    described = {str(row["test"]) for row in study.comparisons if row["role"] != "primary"}
    if described:
        mcnemar = (
            " McNemar's test [@mcnemar1947] is among them." if any(t.startswith("mcnemar") for t in described) else ""
        )
        yield f"Further tests are descriptive, because trials and folds are not independent of each other.{mcnemar}"
    if study.nulls:
        names = dict.fromkeys(str(row["null"]) for row in study.nulls)
        yield f"Scores were compared with nulls: {listed(NULLS.get(null, spaced(null)) for null in names)}."
        yield "Drift can mimic such effects [@elber2018]."


def _software(study: Study) -> Iterator[str]:
    versions = ", ".join(f"{package} {version}" for package, version in package_versions().items())
    yield f"Computed with {versions}; seed {study.sections.seed}."
    if digest := study.leakage.get("split_hash"):
        yield f"The folds have the digest {name(str(digest)[:12])}."
