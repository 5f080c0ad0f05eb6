"""The methods paragraphs as HTML, Markdown and LaTeX."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from markupsafe import Markup, escape

from spikebridge.report.methods import END, LICENCE, NAME
from spikebridge.report.references import PAPERS
from spikebridge.text.plain_text import escape_markdown

CITATION = re.compile(r"\[@([a-z0-9]+(?:; @[a-z0-9]+)*)\]")
PART = re.compile(rf"({CITATION.pattern}|{NAME}[^{END}]*{END})")
LATEX = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "%": r"\%", "&": r"\&", "$": r"\$", "#": r"\#", "_": r"\_",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "|": r"\textbar{}", "`": r"\textasciigrave{}", '"': "''", "−": "$-$", "–": "--", "’": "'", "“": "``", "”": "''",
    "≤": r"$\leq$", "≥": r"$\geq$", "×": r"$\times$", "±": r"$\pm$", "→": r"$\rightarrow$", "°": r"$^\circ$",
    "²": r"\textsuperscript{2}", "³": r"\textsuperscript{3}", "µ": r"$\mu$", "μ": r"$\mu$", "α": r"$\alpha$",
    "β": r"$\beta$", "γ": r"$\gamma$", "δ": r"$\delta$", "θ": r"$\theta$", "…": r"\ldots{}",
}  # fmt: skip
"""Characters that mean something else to LaTeX, or that its standard fonts lack."""


def cited(paragraphs: Sequence[str]) -> list[str]:
    """Keys of the papers that the paragraphs cite, sorted."""
    return sorted({key for text in paragraphs for match in CITATION.finditer(text) for key in _keys(match[1])})


def _keys(inside: str) -> list[str]:
    return inside.replace("@", "").split("; ")


def _rendered(
    text: str, plain: Callable[[str], str], named: Callable[[str], str], citation: Callable[[list[str]], str]
) -> str:
    """The text with each of its parts in another form. plain: text of ours; named: of data; citation: keys."""
    parts = []
    at = 0
    for match in PART.finditer(text):
        parts.append(plain(text[at : match.start()]))
        parts.append(citation(_keys(match[2])) if match[2] else named(match[0][1:-1]))
        at = match.end()
    return "".join([*parts, plain(text[at:])])


def html_paragraphs(paragraphs: Sequence[str]) -> list[Markup]:
    """Escaped, citations as (Holm 1979)."""

    def citation(keys: list[str]) -> str:
        return str(escape("(" + "; ".join(PAPERS[key].short for key in keys) + ")"))

    return [Markup(_rendered(text, _escaped, _escaped, citation)) for text in paragraphs]


def _escaped(text: str) -> str:
    return str(escape(text))


def markdown(paragraphs: Sequence[str]) -> str:
    """For Pandoc: citations as [@holm1979]."""

    def citation(keys: list[str]) -> str:
        return "[" + "; ".join(f"@{key}" for key in keys) + "]"

    texts = [_rendered(text, lambda part: part, escape_markdown, citation) for text in paragraphs]
    return "\n\n".join(["# Methods", *texts, f"<!-- {LICENCE} The papers are in methods.bib. -->"]) + "\n"


def latex(paragraphs: Sequence[str]) -> str:
    r"""A fragment for \input, citations as \cite."""

    def citation(keys: list[str]) -> str:
        return r"\cite{" + ",".join(keys) + "}"

    def named(text: str) -> str:
        return _latex(" ".join(text.split())).replace("--", "-{}-")  # else two hyphens become a dash

    texts = [_rendered(text, _latex, named, citation) for text in paragraphs]
    head = rf"% {LICENCE} Needs \bibliography{{methods}}; names in other scripts than Latin need LuaLaTeX or XeLaTeX."
    return "\n\n".join([head, r"\section*{Methods}", *texts]) + "\n"


def _latex(text: str) -> str:
    return "".join(LATEX.get(character, character) for character in text)
