"""The papers that the methods cite, as entries of a .bib file and as text."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Paper:
    """A reference. short: as the text names it; fields: of the BibTeX entry, in their order."""

    short: str
    kind: str
    fields: dict[str, str]

    def entry(self, key: str) -> str:
        """The BibTeX entry."""
        lines = [f"  {name} = {{{value}}}," for name, value in self.fields.items()]
        return "\n".join([f"@{self.kind}{{{key},", *lines, "}"])

    def text(self) -> str:
        """The reference on one line."""
        f = self.fields
        place = f.get("journal") or f.get("booktitle") or f.get("publisher") or f.get("howpublished", "")
        volume = f" {f['volume']}" if "volume" in f else ""
        pages = f":{f['pages'].replace('--', '–')}" if "pages" in f else ""
        authors = f["author"].replace(" and ", "; ").replace("{", "").replace("}", "").replace("\\'e", "é")
        return f"{authors} ({f['year']}). {f['title'].replace('{', '').replace('}', '')}. {place}{volume}{pages}."


def _article(short: str, author: str, year: int, title: str, journal: str, volume: str, pages: str) -> Paper:
    fields = {"author": author, "title": title, "journal": journal, "year": str(year), "volume": volume, "pages": pages}
    return Paper(short, "article", fields)


def _proceedings(short: str, author: str, year: int, title: str, booktitle: str, pages: str = "") -> Paper:
    fields = {"author": author, "title": title, "booktitle": booktitle, "year": str(year)}
    return Paper(short, "inproceedings", fields | ({"pages": pages} if pages else {}))


PAPERS: dict[str, Paper] = {
    "akiba2019": _proceedings(
        "Akiba et al. 2019", "Akiba, T. and Sano, S. and Yanase, T. and Ohta, T. and Koyama, M.", 2019,
        "Optuna: A next-generation hyperparameter optimization framework",
        "Proceedings of the 25th ACM SIGKDD International Conference on Knowledge Discovery and Data Mining",
        "2623--2631",
    ),
    "amarasingham2012": _article(
        "Amarasingham et al. 2012", "Amarasingham, A. and Harrison, M. T. and Hatsopoulos, N. G. and Geman, S.", 2012,
        "Conditional modeling and the jitter method of spike resampling", "Journal of Neurophysiology", "107",
        "517--531",
    ),
    "breiman2001": _article(
        "Breiman 2001", "Breiman, L.", 2001, "Random forests", "Machine Learning", "45", "5--32"
    ),
    "brodersen2010": _proceedings(
        "Brodersen et al. 2010", "Brodersen, K. H. and Ong, C. S. and Stephan, K. E. and Buhmann, J. M.", 2010,
        "The balanced accuracy and its posterior distribution",
        "20th International Conference on Pattern Recognition", "3121--3124",
    ),
    "davison1997": Paper(
        "Davison & Hinkley 1997", "book",
        {"author": "Davison, A. C. and Hinkley, D. V.", "title": "Bootstrap methods and their application",
         "publisher": "Cambridge University Press", "year": "1997"},
    ),
    "elber2018": _article(
        "Elber-Dorozko & Loewenstein 2018", "Elber-Dorozko, L. and Loewenstein, Y.", 2018,
        "Striatal action-value neurons reconsidered", "eLife", "7", "e34248",
    ),
    "harris2020": Paper(
        "Harris 2020", "misc",
        {"author": "Harris, K. D.", "title": "Nonsense correlations in neuroscience", "howpublished": "bioRxiv",
         "year": "2020"},
    ),
    "hill2011": _article(
        "Hill et al. 2011", "Hill, D. N. and Mehta, S. B. and Kleinfeld, D.", 2011,
        "Quality metrics to accompany spike sorting of extracellular signals", "Journal of Neuroscience", "31",
        "8699--8705",
    ),
    "hoerl1970": _article(
        "Hoerl & Kennard 1970", "Hoerl, A. E. and Kennard, R. W.", 1970,
        "Ridge regression: Biased estimation for nonorthogonal problems", "Technometrics", "12", "55--67",
    ),
    "holm1979": _article(
        "Holm 1979", "Holm, S.", 1979, "A simple sequentially rejective multiple test procedure",
        "Scandinavian Journal of Statistics", "6", "65--70",
    ),
    "mcnemar1947": _article(
        "McNemar 1947", "McNemar, Q.", 1947,
        "Note on the sampling error of the difference between correlated proportions or percentages", "Psychometrika",
        "12", "153--157",
    ),
    "pandarinath2018": _article(
        "Pandarinath et al. 2018", "Pandarinath, C. and others", 2018,
        "Inferring single-trial neural population dynamics using sequential auto-encoders", "Nature Methods", "15",
        "805--815",
    ),
    "phipson2010": _article(
        "Phipson & Smyth 2010", "Phipson, B. and Smyth, G. K.", 2010,
        "Permutation P-values should never be zero: calculating exact P-values when permutations are randomly drawn",
        "Statistical Applications in Genetics and Molecular Biology", "9", "39",
    ),
    "pillow2008": _article(
        "Pillow et al. 2008", "Pillow, J. W. and others", 2008,
        "Spatio-temporal correlations and visual signalling in a complete neuronal population", "Nature", "454",
        "995--999",
    ),
    "semedo2019": _article(
        "Semedo et al. 2019", "Semedo, J. D. and Zandvakili, A. and Machens, C. K. and Yu, B. M. and Kohn, A.", 2019,
        "Cortical areas interact through a communication subspace", "Neuron", "102", "249--259",
    ),
    "steiner2014": _article(
        "Steiner & Redish 2014", "Steiner, A. P. and Redish, A. D.", 2014,
        "Behavioral and neurophysiological correlates of regret in rat decision-making on a neuroeconomic task",
        "Nature Neuroscience", "17", "995--1002",
    ),
    "sutskever2014": _proceedings(
        "Sutskever et al. 2014", "Sutskever, I. and Vinyals, O. and Le, Q. V.", 2014,
        "Sequence to sequence learning with neural networks", "Advances in Neural Information Processing Systems 27",
    ),
    "truccolo2005": _article(
        "Truccolo et al. 2005",
        "Truccolo, W. and Eden, U. T. and Fellows, M. R. and Donoghue, J. P. and Brown, E. N.", 2005,
        "A point process framework for relating neural spiking activity to spiking history, neural ensemble, and "
        "extrinsic covariate effects", "Journal of Neurophysiology", "93", "1074--1089",
    ),
    "winkler2014": _article(
        "Winkler et al. 2014",
        "Winkler, A. M. and Ridgway, G. R. and Webster, M. A. and Smith, S. M. and Nichols, T. E.", 2014,
        "Permutation inference for the general linear model", "NeuroImage", "92", "381--397",
    ),
}  # fmt: skip
"""Key -> paper. Methods cite these by their key in brackets, [@holm1979]."""


def bibliography(keys: Iterable[str]) -> str:
    """The content of a .bib file with these papers, sorted by key."""
    return "\n\n".join(PAPERS[key].entry(key) for key in sorted(set(keys))) + "\n"
