"""
Real recordings
===============

Mice decide on visual contrasts while hippocampus and frontal cortex are recorded (Steinmetz et al. 2019,
Nature 576:266; a re-pack of its data). This notebook looks at one of its recordings before anything is fitted, and
asks what hippocampus adds to the prediction of frontal spikes. To follow it with files of your own, change
``recordings`` and the regions.

.. only:: not recordings

   The recordings were not there when this site was built, so the code below was not run. Set ``SPIKEBRIDGE_SHARED``
   to a folder with ``data/recordings/*.nwb`` and build it again.
"""

# %%
# What is in the file?
# --------------------
# ``spikebridge inspect`` opens recordings and says what can be done with them, and what will cause trouble. Here it is
# called as in a terminal.

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from spikebridge import config, io, metrics, models, preprocess, splits
from spikebridge.artifacts.recordings import IngestedRecordings, load_ingested
from spikebridge.artifacts.windows import load_windows

recordings = Path(os.environ.get("SPIKEBRIDGE_SHARED", "shared")) / "data" / "recordings"
command = [sys.executable, "-m", "spikebridge.cli", "inspect", "cori_2016-12-14.nwb"]
print(subprocess.run(command, cwd=recordings, capture_output=True, text=True, check=False).stdout)

# %%
# From the file to windows
# ------------------------
# Spikes were kept from 0 to 0.4 s after the stimulus of each trial. The window is this time, in bins of 20 ms, and the
# label is the outcome of the trial.

folder = Path(tempfile.mkdtemp())
settings = config.parse(
    {
        "data": {
            "path": str(recordings / "cori_2016-12-14.nwb"),
            "source": ["CA1", "CA3", "DG", "SUB"],
            "target": ["ACA", "MOs", "PL", "ORB"],
            "observed": "trials",
            "min_rate_hz": 0.5,
        },
        "trials": {
            "align": "stimulus_time",
            "window_s": [0.0, 0.4],
            "decision": "stop_time",
            "label": "outcome",
            "covariates": ["contrast_left", "contrast_right"],
        },
        "bins": {"width_s": 0.02},
        "models": {"ridge": {}},
        "compute": {"workers": 1},
    }
)
io.ingest(io.IngestSections.of(settings), folder / "ingested")
preprocess.write_windows(
    IngestedRecordings(folder / "ingested"), preprocess.PreprocessSections.of(settings), folder / "windows"
)
(windows,) = load_windows(folder / "windows")
recording = load_ingested(folder / "ingested" / windows.recording)
recording.units.groupby("region").size().rename("units").to_frame().T

# %%
# Source and target around the stimulus: the mean over trials of each unit's rate, relative to its own mean, sorted by
# the time of its largest rate.

figure, panels = plt.subplots(1, 2, figsize=(7, 3.2), layout="constrained")
for axes, counts, title in ((panels[0], windows.source, "hippocampus"), (panels[1], windows.target, "frontal cortex")):
    course = counts[windows.in_trial].mean(axis=0).T
    course = course / course.mean(axis=1, keepdims=True)
    order = np.argsort(course.argmax(axis=1))
    axes.imshow(course[order], aspect="auto", cmap="RdBu_r", vmin=0, vmax=2, extent=(0, 0.4, 0, len(order)))
    axes.set(xlabel="time from stimulus (s)", ylabel="unit", title=title)
plt.show()

# %%
# What does hippocampus add?
# --------------------------
# Five contiguous blocks of trials are tested in turn. Three linear translators get the counts of hippocampus, and the
# baseline of the target: mean course and drift, known without hippocampus.

folds = splits.make_splits([windows], settings.split)
rows = []
for name in ("ridge", "reduced_rank", "poisson_glm"):
    total = {"rates": [], "baseline": []}
    for fold in folds.folds:
        part = splits.fit_partition(folds, str(fold.fold))
        model = models.create(name)
        learn, valid = (splits.select_windows([windows], side) for side in (part.train, part.valid))
        model.fit(learn, valid, np.random.default_rng(1))
        (test,) = splits.select_windows([windows], fold.test)
        predicted = model.predict(test)
        mean = learn[0].target.mean(axis=(0, 1))
        for what, parts in total.items():
            parts.append(metrics.information(getattr(predicted, what), test.target, mean))
    bits = {}
    for what, parts in total.items():
        nats, spikes = (np.concatenate(values) for values in zip(*parts, strict=True))
        bits[what] = metrics.bits_per_spike(nats, spikes)
    rows.append((name, bits["rates"], bits["rates"] - bits["baseline"]))
pd.DataFrame(rows, columns=["model", "bits/spike", "of that, from hippocampus"]).round(3)

# %%
# What follows
# ------------
# A number above 0 in the last column says that hippocampus predicts frontal spikes of held-out trials better than the
# frontal units' own mean course and drift do. It does not say that one drives the other. One recording supports no
# claim about others; :doc:`/measurements/quality` has four recordings of this set with every model.
#
# The whole study of these recordings, with every model and the report: ``make repro
# PARAMS=examples/steinmetz/params.yaml DATA=path/to/recordings``.
