"""How fast the Poisson GLM is fitted: against one search over the weights of all units, in double precision.

    python benchmarks/glm_speed.py                                # simulator and real recordings, a minute
    python benchmarks/glm_speed.py --on simulator --quick         # a look, at small data

writes benchmarks/results/glm_speed.md and glm_speed.csv. A run that is limited to one data set leaves the other's
results as they are. Both minimise the same loss for every recording of the inner training windows of the first fold,
at the default predictors and penalty of `poisson_glm`, on one thread, taking turns; seconds are those of the processor,
the best of the repeats. The reference is L-BFGS of scipy in coordinates in which the Hessian at the mean rates is an
identity. `excess_nats` is the loss of ours less that of the reference, per spike.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import minimize

from common import RESULTS, SETS, SHARED_DATA, made_by, markdown, prepare, settings_of, there, write_part
from spikebridge import models
from spikebridge.artifacts.splits import load_splits
from spikebridge.artifacts.windows import load_windows
from spikebridge.models.parts.glm import TOLERANCE
from spikebridge.models.parts.regressors import lagged_counts
from spikebridge.regression import fit_poisson
from spikebridge.runtime.stage import one_thread
from spikebridge.splits import inner_partitions, select_windows
from spikebridge.types import Windows

MODEL = "poisson_glm"
REFERENCE_TOLERANCE = 1e-8
"""Of scipy, relative to the loss: about the accuracy of ours."""
Array = NDArray[np.float64]
Weights = tuple[Array, Array]
"""Bias (unit,) and weights (predictor, unit)."""


def problem(w: Windows) -> tuple[Array, Array, float]:
    """Predictors (sample, predictor) and counts (sample, unit) as the model has them, and the penalty."""
    p: Any = models.create(MODEL, {}).params
    x = lagged_counts(w.source, w.bin_s, p.smoothing_s, p.max_lag_s)
    x = x.reshape(len(w) * w.n_bins, -1)
    x -= x.mean(axis=0)
    x /= np.sqrt(np.square(x).mean() * p.penalty)
    y = w.target.reshape(len(x), -1).astype(np.float64)
    y = y[:, y.any(axis=0)]
    return x, y, float(y.mean())


def loss(x: Array, y: Array, penalty: float, bias: Array, weights: Array) -> tuple[float, Array]:
    """Negative log likelihood up to a constant plus the penalty, and the residuals (sample, unit)."""
    eta = bias + x @ weights
    rate = np.exp(np.minimum(eta, 30.0))
    return float((rate - y * eta).sum() + 0.5 * len(x) * penalty * np.square(weights).sum()), rate - y


def reference(x: Array, y: Array, penalty: float) -> Weights:
    """One search over the weights of all units."""
    n, units = y.shape
    level = y.mean(axis=0)
    variance, axes = np.linalg.eigh(x.T @ x / n)
    scale = 1 / np.sqrt(n * (level * np.maximum(variance, 0.0)[:, None] + penalty))
    bias_scale, z = 1 / np.sqrt(n * level), x @ axes

    def unpack(theta: Array) -> Weights:
        t = theta.reshape(-1, units)
        return np.log(level) + t[0] * bias_scale, t[1:] * scale

    def objective(theta: Array) -> tuple[float, Array]:
        bias, weights = unpack(theta)
        value, residual = loss(z, y, penalty, bias, weights)
        slope = (z.T @ residual + n * penalty * weights) * scale
        return value, np.concatenate([(residual.sum(axis=0) * bias_scale)[None], slope]).ravel()

    options = {"maxiter": 200, "maxcor": 10, "gtol": 0.0, "ftol": REFERENCE_TOLERANCE}
    start = np.zeros((1 + z.shape[1]) * units)
    bias, weights = unpack(minimize(objective, start, jac=True, method="L-BFGS-B", options=options).x)
    return bias, axes @ weights


def ours(x: Array, y: Array, penalty: float) -> Weights:
    """As PoissonTranslator fits, in single precision."""
    x32, y32, offset32 = (a.astype(np.float32) for a in (x, y, np.zeros_like(y)))
    fit = fit_poisson(x32, y32, offset32, penalty, tolerance=TOLERANCE)  # type: ignore[arg-type]
    return fit.bias, fit.weights


def seconds(fit: Callable[[Array, Array, float], Weights], given: tuple[Array, Array, float]) -> tuple[float, Weights]:
    start = time.process_time()
    weights = fit(*given)
    return time.process_time() - start, weights


def compare(data: Sequence[Windows], repeats: int) -> pd.DataFrame:
    """One row a recording."""
    rows = []
    for w in data:
        given = problem(w)
        turns = [(seconds(reference, given), seconds(ours, given)) for _ in range(repeats)]
        reference_s, our_s = (min(turn[k][0] for turn in turns) for k in (0, 1))
        losses = [loss(*given, *turns[0][k][1])[0] for k in (0, 1)]
        rows.append(
            {
                "recording": w.recording,
                "samples": len(given[0]),
                "predictors": given[0].shape[1],
                "units": given[1].shape[1],
                "reference_cpu_s": reference_s,
                "our_cpu_s": our_s,
                "times_faster": reference_s / our_s,
                "excess_nats": (losses[1] - losses[0]) / given[1].sum(),
            }
        )
    return pd.DataFrame(rows)


def parse(words: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--on", nargs="+", choices=SETS, default=list(SETS), help="data sets")
    parser.add_argument("--data", type=Path, default=SHARED_DATA, help="folder of real recordings")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="small data")
    parser.add_argument("--out", type=Path, default=RESULTS)
    return parser.parse_args(words)


def main(words: Sequence[str] | None = None) -> None:
    words = sys.argv[1:] if words is None else words
    a = parse(words)
    for name in there(a.on, a.data):
        with tempfile.TemporaryDirectory() as scratch, one_thread():
            prepare(settings_of(name, a.data, [MODEL], a.quick), name, Path(scratch))
            part = inner_partitions(load_splits(Path(scratch) / "splits.json"), "0")[0]
            table = compare(select_windows(load_windows(Path(scratch) / "windows"), part.train), a.repeats)
        total = table["reference_cpu_s"].sum() / table["our_cpu_s"].sum()
        line = f"- {total:.1f} times faster than the reference, all recordings together."
        text = "\n".join([f"## {name}", "", line, "", *markdown(table), "", made_by("glm_speed.py", words), ""])
        write_part(a.out / "glm_speed", "# Speed of the Poisson GLM", name, table.assign(data=name), text)
        print(text)


if __name__ == "__main__":
    main()
