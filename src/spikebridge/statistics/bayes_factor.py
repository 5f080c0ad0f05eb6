"""JZS Bayes factor of a mean difference: the evidence for a difference over the evidence for none.

Assumptions: the differences are independent and normal; under the alternative the standardised difference has a Cauchy
prior of width r = sqrt(2) / 2, under the null hypothesis it is zero. The answer depends on that prior, and no prior for
decoders is established: descriptive. With few clusters the factor stays near one, as it should.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

WIDTH = math.sqrt(2) / 2


def bayes_factor(differences: ArrayLike, width: float = WIDTH) -> float:
    """Return the two-sided BF10 of a one-sample t test: above one for a difference, below one for none.

    With t, n and v = n - 1, and g the variance of the standardised difference, whose prior is inverse gamma
    (1/2, width^2 / 2):

    BF10 = int (1 + n g)^(-1/2) [(1 + t^2 / ((1 + n g) v)) / (1 + t^2 / v)]^(-(v + 1) / 2) p(g) dg

    Parameters
    ----------
    differences : ArrayLike, shape (cluster,)
        Score of a minus score of b, in each cluster. NaN is left out.
    width : float
        Width of the Cauchy prior of the standardised difference.

    Returns
    -------
    float
        BF10. NaN for fewer than two clusters, or where the differences do not vary.

    References
    ----------
    Rouder et al. 2009, Psychonomic Bulletin & Review 16:225, equation 1.
    """
    from scipy import integrate  # slow to import

    d = np.asarray(differences, dtype=np.float64)
    d = d[np.isfinite(d)]
    n = len(d)
    if n < 2 or d.std() == 0:
        return math.nan
    t, v = float(d.mean() / (d.std(ddof=1) / math.sqrt(n))), n - 1

    def weight(log_g: float) -> float:
        g = math.exp(log_g)
        wide = 1 + n * g
        ratio = -0.5 * (v + 1) * (math.log1p(t * t / (wide * v)) - math.log1p(t * t / v))
        prior = math.log(width) - 0.5 * math.log(2 * math.pi) - 1.5 * log_g - width**2 / (2 * g)
        return math.exp(ratio + prior + log_g - 0.5 * math.log(wide))

    value, _ = integrate.quad(weight, -15, 40, limit=200)
    return float(value)
