"""How long do the intervals take? Ten thousand resamples of ten thousand trials and eight models, on one thread.

    python benchmarks/statistics_speed.py                               # a minute or so
    python benchmarks/statistics_speed.py --trials 500 --resamples 200  # a quick look

writes benchmarks/results/statistics.md and statistics.csv. Predictions of eight models are simulated: trials in
clusters of equal size that share a tilt, decisions of two or three classes, and nats and spikes of a translator.
bootstrap_s is the time of every model's balanced accuracy, AUC, log-loss and bits/spike with its interval, and of the
interval of every paired difference of two models in each of them. loop_s is what the plain way would take:
scikit-learn's scores of the resampled trials in a loop over resamples, measured on a few and scaled up. sign_flip_s:
all pairs' sign flips over the clusters. descriptive_s: all pairs' McNemar with its design effect, DeLong, equivalence,
ROPE and Bayes factor. gee_s: one pair's logistic model of correctness. All are seconds of the processor.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.metrics import balanced_accuracy_score, log_loss, roc_auc_score

from common import RESULTS, made_by, markdown
from spikebridge import statistics
from spikebridge.metrics import clustered
from spikebridge.metrics.decision import log_loss_per_trial
from spikebridge.runtime.stage import one_thread, say

MODELS = 8
COLUMNS = [
    "trials", "models", "classes", "clusters", "resamples", "bootstrap_s", "loop_s", "sign_flip_s", "descriptive_s",
    "gee_s",
]  # fmt: skip


@dataclass(frozen=True)
class Study:
    """label, cluster: (trial,). probabilities: (model, trial, class). nats, spikes: (model, trial), (trial,)."""

    label: np.ndarray
    cluster: np.ndarray
    probabilities: np.ndarray
    nats: np.ndarray
    spikes: np.ndarray


def study(trials: int, classes: int, clusters: int, rng: np.random.Generator) -> Study:
    """Models from knowing little to knowing more; every cluster favours some of them."""
    cluster = np.arange(trials) * clusters // trials
    label = rng.integers(0, classes, trials)
    strength = np.linspace(0.2, 1.0, MODELS)[:, None] + rng.normal(0, 0.2, (MODELS, clusters))
    evidence = rng.normal(size=(MODELS, trials, classes))
    evidence[:, np.arange(trials), label] += strength[:, cluster]
    odds = np.exp(evidence)
    spikes = rng.poisson(40, trials).astype(np.float64)
    nats = spikes * rng.normal(0.05, 0.1, (MODELS, trials))
    return Study(label, cluster, odds / odds.sum(axis=2, keepdims=True), nats, spikes)


def bootstrap(made: Study, resamples: int, rng: np.random.Generator) -> None:
    """Intervals of all scores and of all paired differences."""
    clusters = int(made.cluster[-1]) + 1
    weights = statistics.resample_weights(clusters, resamples, rng)
    ones = np.ones((1, clusters))
    drawn: dict[tuple[str, int], tuple[float, np.ndarray]] = {}
    for m, p in enumerate(made.probabilities):
        for name, score in {
            "balanced_accuracy": clustered.balanced_accuracy(made.label, p.argmax(axis=1), made.cluster, p.shape[1]),
            "auc": clustered.auc(made.label, p, made.cluster),
            "log_loss": clustered.mean(log_loss_per_trial(made.label, p), made.cluster),
            "bits_per_spike": clustered.ratio(made.nats[m] / np.log(2), made.spikes, made.cluster),
        }.items():
            drawn[name, m] = float(score(ones)[0]), score(weights)
            statistics.interval_from_samples(*drawn[name, m], clusters)
    for name in {key for key, _ in drawn}:
        for a, b in combinations(range(MODELS), 2):
            (value_a, draws_a), (value_b, draws_b) = drawn[name, a], drawn[name, b]
            statistics.interval_from_samples(value_a - value_b, draws_a - draws_b, clusters)


def loop(made: Study, resamples: int, rng: np.random.Generator) -> None:
    """The same scores of resampled trials, one resample after another."""
    clusters = int(made.cluster[-1]) + 1
    members = [np.flatnonzero(made.cluster == c) for c in range(clusters)]
    for _ in range(resamples):
        rows = np.concatenate([members[c] for c in rng.integers(0, clusters, clusters)])
        label = made.label[rows]
        for m, p in enumerate(made.probabilities[:, rows]):
            balanced_accuracy_score(label, p.argmax(axis=1))
            roc_auc_score(label, p[:, 1] if p.shape[1] == 2 else p, multi_class="ovr")
            log_loss(label, p)
            float(made.nats[m, rows].sum() / made.spikes[rows].sum() / np.log(2))


def sign_flips(made: Study, resamples: int, rng: np.random.Generator) -> None:
    right = made.probabilities.argmax(axis=2) == made.label
    size = np.bincount(made.cluster)
    accuracy = np.stack([np.bincount(made.cluster, weights=r) / size for r in right])
    for a, b in combinations(range(MODELS), 2):
        statistics.sign_flip(accuracy[a] - accuracy[b], rng, n_resamples=resamples)


def descriptive(made: Study) -> None:
    right = made.probabilities.argmax(axis=2) == made.label
    size = np.bincount(made.cluster)
    accuracy = np.stack([np.bincount(made.cluster, weights=r) / size for r in right])
    for a, b in combinations(range(MODELS), 2):
        statistics.mcnemar(right[a], right[b])
        statistics.design_effect(right[a], right[b], made.cluster)
        statistics.delong(made.label, made.probabilities[a], made.probabilities[b])
        statistics.equivalence(accuracy[a] - accuracy[b], 0.05)
        statistics.rope(accuracy[a] - accuracy[b], 0.05)
        statistics.bayes_factor(accuracy[a] - accuracy[b])


def gee(made: Study) -> None:
    right = made.probabilities.argmax(axis=2) == made.label
    statistics.correctness_model(right[0], right[-1], made.cluster)


def seconds(work: Callable[[], None]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def measure(trials: int, classes: int, clusters: int, resamples: int, looped: int = 3) -> dict[str, float]:
    """One row of the table."""
    rng = np.random.default_rng([trials, classes, clusters])
    made = study(trials, classes, clusters, rng)
    return {
        "trials": trials, "models": MODELS, "classes": classes, "clusters": clusters, "resamples": resamples,
        "bootstrap_s": seconds(lambda: bootstrap(made, resamples, rng)),
        "loop_s": seconds(lambda: loop(made, looped, rng)) * resamples / looped,
        "sign_flip_s": seconds(lambda: sign_flips(made, resamples, rng)),
        "descriptive_s": seconds(lambda: descriptive(made)),
        "gee_s": seconds(lambda: gee(made)),
    }  # fmt: skip


def parser() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    options.add_argument("--trials", type=int, default=10_000)
    options.add_argument("--resamples", type=int, default=10_000)
    options.add_argument("--classes", type=int, nargs="+", default=[2, 3])
    options.add_argument("--clusters", type=int, nargs="+", default=[6, 20, 100])
    options.add_argument("--out", type=Path, default=RESULTS, help="folder of the tables")
    return options


def main(words: Sequence[str] = ()) -> int:
    arguments = parser().parse_args(words)
    with one_thread():
        gee(study(200, 2, 4, np.random.default_rng(0)))  # imports are not measured
        statistics.mcnemar(np.array([True]), np.array([False]))
        rows = []
        for classes in arguments.classes:
            for clusters in arguments.clusters:
                rows.append(measure(arguments.trials, classes, clusters, arguments.resamples))
                say(f"{classes} classes, {clusters} clusters: {rows[-1]['bootstrap_s']:.2f} s")
    table = pd.DataFrame(rows)[COLUMNS]
    arguments.out.mkdir(parents=True, exist_ok=True)
    table.to_csv(arguments.out / "statistics.csv", index=False, lineterminator="\n")
    slowest, times = table["bootstrap_s"].max(), (table["loop_s"] / table["bootstrap_s"]).min()
    text = [
        "# Speed of the statistics",
        "",
        made_by("statistics_speed.py", words),
        "",
        *markdown(table),
        "",
        f"All intervals together, of scores and of paired differences: {slowest:.2g} s in the slowest case. A loop",
        f"over resamples would take at least {times:,.0f} times as long. Seconds of the processor; loop_s is scaled up",
        "from three resamples.",
    ]
    (arguments.out / "statistics.md").write_text("\n".join(text) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
