"""
Fit, compare, report
====================

``spikebridge.fit`` runs the pipeline's stages from a notebook up to the fits in every fold; ``compare`` runs every
test, and ``report`` writes the pages for people. The numbers are those of ``make repro`` on the same recordings and
settings. Here are two small simulated recordings and three models.
"""

# %%
# The recordings
# --------------
# Any recording will do: a path, several paths, ``spikebridge.types.Recording`` or pynapple objects (:doc:`/notebook`).

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt

import spikebridge
from spikebridge import simulate
from spikebridge.config import SimulateConfig

folder = Path(tempfile.mkdtemp())
size = SimulateConfig(n_recordings=2, n_trials=60, n_source_units=(30, 36), n_target_units=(24, 30))
files = simulate.simulate(size, seed=1, folder=folder / "recordings")

# %%
# Fit
# ---
# Keyword arguments are sections of ``params.yaml`` (:doc:`/parameters`); what they leave out has its default. Three
# outer folds, a small network and few epochs keep it short.

fitted = spikebridge.fit(
    folder / "recordings",
    data={"source": ["HC"], "target": ["PFC"]},
    trials={"align": "decision_time", "label": "choice", "window_s": [-2.0, 0.0]},
    bins={"width_s": 0.1},
    split={"n_outer_folds": 3},
    models={"seq2seq": {"max_epochs": 8, "hidden_size": 16, "n_readout_trees": 50}, "ridge": {}, "majority": {}},
    tune={"n_trials": 1, "n_startup_trials": 1},
    analysis={"n_folds": 1, "max_epochs": 4, "analyses": ["ablation"]},
    compute={"workers": 1},
)

# %%
# The decisions of held-out trials, one row a model and trial:

fitted.results.predictions.groupby(["model", "recording", "label", "predicted"]).size().unstack(fill_value=0)

# %%
# The latents of held-out trials, on the axes of the saved model, so that the trials of all folds can be drawn together:

latents = fitted.results.latents()
course = latents[latents["recording"] == "rat1_day1"].groupby(["label", "bin"])
figure, panels = plt.subplots(1, 3, figsize=(7, 2.4), layout="constrained", sharex=True)
for axes, name in zip(panels, ["latent_1", "latent_2", "latent_3"], strict=True):
    mean = course[name].mean().unstack("label")
    mean.index = (mean.index + 0.5) * 0.1 - 2.0
    mean.plot(ax=axes, legend=axes is panels[0])
    axes.set(xlabel="time from decision (s)", title=name)
plt.show()

# %%
# Compare
# -------
# Every test of one model against another; those with the role ``primary`` were declared before any data. Two recordings
# are too few to decide about a translation, and the verdicts say so. With fewer than six recordings the decisions are
# tested over blocks of trials: that verdict is about these recordings and no others.

tests = fitted.compare()
tests[["family", "model_a", "model_b", "metric", "estimate", "p", "role", "verdict"]].head(6).round(3)

# %%
# The scores with their intervals:

scores = fitted.results.scores
scores[scores["score"].isin(["balanced_accuracy", "bits_per_spike", "source_bits_per_spike"])].round(3)

# %%
# Report
# ------
# ``report`` draws the figures and writes the pages. The first is one file that can be sent by mail.

page = fitted.report()
print(page.name, f"{page.stat().st_size / 1e6:.1f} MB")
print(*sorted(path.name for path in page.parent.glob("*") if path != page), sep="\n")
