"""
A simulated recording
=====================

Simulated recordings have a known answer: which latents two regions share, and how late one follows the other. This
notebook simulates two small recordings, translates the spikes of hippocampus (HC) into those of prefrontal cortex
(PFC), and compares what was learned with the truth. The pipeline does the same with more data, a tuner, more models
and all tests: ``make demo`` runs it.
"""

# %%
# The settings
# ------------
# Every setting has the name that it has in ``params.yaml`` (:doc:`/parameters`). Those that are not named keep their
# default. Here are two recordings of 60 trials each, in bins of 0.1 s, around decisions to stay or to skip.

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from spikebridge import config, io, metrics, models, preprocess, simulate, splits
from spikebridge.artifacts.recordings import IngestedRecordings
from spikebridge.artifacts.truth import load_truths
from spikebridge.artifacts.windows import load_windows

folder = Path(tempfile.mkdtemp())
settings = config.parse(
    {
        "seed": 1,
        "simulate": {"n_recordings": 2, "n_trials": 60, "n_source_units": [30, 36], "n_target_units": [24, 30]},
        "data": {"path": str(folder / "recordings"), "source": ["HC"], "target": ["PFC"]},
        "trials": {"align": "decision_time", "window_s": [-2.0, 0.0], "label": "choice"},
        "bins": {"width_s": 0.1},
        "split": {"n_outer_folds": 3},
        "models": {"seq2seq": {}},
        "compute": {"workers": 1},
    }
)

# %%
# From recordings to windows
# --------------------------
# The simulator writes NWB files. ``ingest`` reads and checks them, as it would any other recording, and
# ``write_windows`` counts spikes in bins: one window of two seconds before each decision, and windows of the same
# length between trials.

simulate.simulate(settings.simulate, settings.seed, folder / "recordings")
io.ingest(io.IngestSections.of(settings), folder / "ingested")
preprocess.write_windows(
    IngestedRecordings(folder / "ingested"), preprocess.PreprocessSections.of(settings), folder / "windows"
)
windows = load_windows(folder / "windows")
pd.DataFrame(
    {
        "recording": [w.recording for w in windows],
        "HC units": [len(w.source_units) for w in windows],
        "PFC units": [len(w.target_units) for w in windows],
        "trials": [int(w.labelled.sum()) for w in windows],
        "windows": [len(w) for w in windows],
        "stay": [int((w.label == w.classes.index("stay")).sum()) for w in windows],
    }
)

# %%
# Folds
# -----
# The trials of each recording are cut into three contiguous blocks. Each fold tests one block of every recording and
# learns from what is at least the gap away from it.

folds = splits.make_splits(windows, settings.split)
first = windows[0]
figure, axes = plt.subplots(figsize=(7, 1.8), layout="constrained")
for fold in folds.folds:
    for kind, index, colour in (("train", fold.train, "0.7"), ("test", fold.test, "tab:blue")):
        start = first.start_s[index[first.recording]]
        axes.plot(start, np.full(len(start), fold.fold), "|", color=colour, label=kind if fold.fold == 0 else None)
axes.set(xlabel="time in the recording (s)", ylabel="fold", yticks=range(3), title=f"{first.recording}, gap not drawn")
axes.legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False)
plt.show()

# %%
# Translate
# ---------
# ``ridge`` is a linear translator, ``seq2seq`` the network. Both get the same folds and the same baseline: the mean
# course and the slow drift of each unit, known without the source. Few epochs and a small network are enough here.

SETTINGS = {"ridge": {}, "seq2seq": {"max_epochs": 8, "hidden_size": 16, "n_readout_trees": 50}}


def held_out(name):
    """Fit a model in every fold and predict the test block: (windows, predictions, decisions, mean rates) of each."""
    results = []
    for fold in folds.folds:
        part = splits.fit_partition(folds, str(fold.fold))
        model = models.create(name, SETTINGS[name])
        learn, valid = (splits.select_windows(windows, side) for side in (part.train, part.valid))
        model.fit(learn, valid, np.random.default_rng(settings.seed))
        for test in splits.select_windows(windows, fold.test):
            predicted = model.predict(test)
            mean = np.concatenate([w.target for w in learn if w.recording == test.recording]).mean(axis=(0, 1))
            decided = model.decide(predicted.probabilities, test.recording) if model.decides else None
            results.append((test, predicted, decided, mean))
    return results


results = {name: held_out(name) for name in SETTINGS}

# %%
# Bits per spike are the information that predicted rates carry about held-out spikes, over the mean rate of each unit.
# The baseline alone has some; the difference is what HC adds.

rows = []
for name, parts in results.items():
    scores = {}
    for what in ("rates", "baseline"):
        parts_of = [metrics.information(getattr(p, what), test.target, mean) for test, p, _, mean in parts]
        nats, spikes = (np.concatenate(values) for values in zip(*parts_of, strict=True))
        scores[what] = metrics.bits_per_spike(nats, spikes)
    rows.append((name, scores["rates"], scores["rates"] - scores["baseline"]))
pd.DataFrame(rows, columns=["model", "bits/spike", "of that, from HC"]).round(3)

# %%
# One trial that was not learned from: spikes, and the rates that the network predicts from HC alone. Units are sorted
# by the first principal component of the predictions.

test, predicted, _, _ = results["seq2seq"][0]
trial = int(np.argmax(test.target.sum(axis=(1, 2))))
log_rates = np.log(predicted.rates / predicted.rates.mean(axis=(0, 1)))
component = np.linalg.svd(log_rates.reshape(-1, log_rates.shape[-1]), full_matrices=False)[2][0]
order = np.argsort(component)
time = (np.arange(test.n_bins) + 0.5) * test.bin_s - test.n_bins * test.bin_s
extent = (time[0], time[-1], 0, len(order))
figure, (left, right) = plt.subplots(1, 2, figsize=(7, 3), layout="constrained", sharey=True)
left.imshow(test.target[trial][:, order].T, aspect="auto", cmap="Greys", vmax=3, extent=extent)
right.imshow(log_rates[trial][:, order].T, aspect="auto", cmap="RdBu_r", vmin=-1.5, vmax=1.5, extent=extent)
left.set(xlabel="time from decision (s)", ylabel="PFC unit", title="spikes")
right.set(xlabel="time from decision (s)", title="predicted rate / mean (log)")
plt.show()

# %%
# The latents against the truth
# -----------------------------
# Latents are known up to a linear map. So a linear map from the network's latents to the true ones is fitted on the
# first half of each test block, and scored on the second half.

truths = load_truths(folder / "recordings", [w.recording for w in windows])
parts = []
for test, predicted, _, _ in results["seq2seq"]:
    truth = truths[test.recording]
    at = test.start_s[:, None] + (np.arange(test.n_bins) + 0.5) * test.bin_s
    true = metrics.truth_at(truth.time_s, truth.shared, at)
    parts.append((predicted.latents, true, np.arange(len(test)) >= len(test) // 2))
pd.DataFrame({"true latent": truth.names, "R² on held-out trials": metrics.latent_r2(parts).round(2)})

# %%
# The latents of single trials, projected on the direction that separates the decisions best, part before the decision.

test, predicted, _, _ = results["seq2seq"][0]
means = [predicted.latents[test.label == k].mean(axis=(0, 1)) for k in range(2)]
axis = (means[1] - means[0]) / np.linalg.norm(means[1] - means[0])
figure, axes = plt.subplots(figsize=(5, 2.8), layout="constrained")
for k, colour in enumerate(("tab:orange", "tab:blue")):
    course = predicted.latents[test.label == k] @ axis
    axes.plot(time, course.T, color=colour, alpha=0.3, linewidth=0.8)
    axes.plot(time, course.mean(axis=0), color=colour, linewidth=2.5, label=test.classes[k])
axes.set(xlabel="time from decision (s)", ylabel="latents, decision axis", title=f"{test.recording}, one test block")
axes.legend(frameon=False)
plt.show()

# %%
# That direction was chosen with the labels of the trials that are drawn: the picture is for looking. A number needs
# decisions that were predicted without these labels.

# %%
# Decisions
# ---------
# A read-out that was fitted to the latents of training trials decides in held-out ones. 0.5 is chance.

label = np.concatenate([test.label for test, _, _, _ in results["seq2seq"]])
decided = np.concatenate([decided for _, _, decided, _ in results["seq2seq"]])
print(f"balanced accuracy on {len(label)} held-out trials: {metrics.balanced_accuracy(label, decided):.2f}")

# %%
# What is not here
# ----------------
# With two recordings nothing can be claimed: the declared tests need six (:doc:`/statistics`). The pipeline also tunes
# every model inside the training part of each fold, checks for leaks, and compares every score with nulls
# (:doc:`/concepts`). To run it on these settings, write them to a file and call ``spikebridge use`` and ``make repro``
# (:doc:`/get-started`).
