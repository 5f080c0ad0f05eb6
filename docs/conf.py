"""Settings of Sphinx for the site of the docs; scripts/build_docs.py gathers its pages and calls it."""

from __future__ import annotations

import html
import os
import re
from pathlib import Path
from typing import Any

from docutils import nodes
from docutils.parsers.rst import Directive
from pygments.lexers.special import TextLexer

import spikebridge

ROOT = Path(__file__).resolve().parents[1]
RECORDINGS = Path(os.environ.get("SPIKEBRIDGE_SHARED", ROOT.parent / "shared")) / "data" / "recordings"

project = "spikebridge"
author = "The spikebridge developers"
release = spikebridge.__version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "numpydoc", "sphinx_gallery.gen_gallery"]
root_doc = "index"
exclude_patterns = ["files/**"]
default_role = "literal"  # `name` in a docstring is code

myst_heading_anchors = 3  # links to headings as on a code host
myst_fence_as_directive = {"mermaid"}

autodoc_typehints = "none"  # numpydoc shows the types of the docstrings
autodoc_member_order = "bysource"
maximum_signature_line_length = 80
numpydoc_show_class_members = False
add_module_names = False

sphinx_gallery_conf = {
    "examples_dirs": [os.environ.get("SPIKEBRIDGE_TUTORIALS", str(ROOT / "docs" / "tutorials"))],
    "gallery_dirs": ["tutorials"],
    "filename_pattern": r"\.py$" if any(RECORDINGS.glob("*.nwb")) else r"(simulator|notebook)\.py$",  # which run
    "within_subsection_order": "ExampleTitleSortKey",
    "remove_config_comments": True,
    "show_signature": False,
    "write_computation_times": False,
    "show_memory": False,
    "download_all_examples": False,
    "nested_sections": False,
    "reset_modules": ("matplotlib",),
    "copyfile_regex": r"",
}
if any(RECORDINGS.glob("*.nwb")):
    tags.add("recordings")  # noqa: F821  (Sphinx defines it)

MEASURED = [f"measurements/{path.stem}" for path in (ROOT / "benchmarks" / "results").glob("*.md")]
WIDE = ("architecture", "parameters", "findings", "pipeline", "sorters", "results", "nested-models", *MEASURED)
"""Pages with wide tables or diagrams: no list of their headings at the right."""
html_context = {"default_mode": "auto"}
html_theme = "pydata_sphinx_theme"
html_title = "spikebridge"
html_static_path = ["style"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_copy_source = False
html_theme_options = {
    "logo": {"text": "spikebridge"},
    "navbar_persistent": ["search-button"],
    "navbar_end": ["theme-switcher"],
    "secondary_sidebar_items": {"**": ["page-toc"]} | {page: [] for page in WIDE},
    "header_links_before_dropdown": 7,
    "show_prev_next": True,
    "footer_start": ["copyright"],
    "footer_end": [],
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}
html_sidebars = {"gallery": [], "changelog": [], "index": []}
copyright = "The spikebridge developers, Apache-2.0"


LEAST_SCALE = 0.6
"""Smallest size of a diagram's text, against that of the page."""


class Mermaid(Directive):
    """A diagram of Mermaid, drawn as SVG when the site is built: a page needs no script and no network for it."""

    has_content = True

    def run(self) -> list[nodes.Node]:
        import mermaidx

        text = "\n".join(self.content)
        drawing = mermaidx.render(text).svg()
        width = float(re.findall(r'viewBox="[-\d.]+ [-\d.]+ ([\d.]+)', drawing)[0])
        least = f"min-width: {width * LEAST_SCALE:.0f}px"  # a large diagram is scrolled rather than illegible
        drawing = drawing.replace('style="', f'style="{least}; ', 1)
        label = html.escape(next(line.strip() for line in text.splitlines() if line.strip()))
        return [nodes.raw("", f'<div class="diagram" role="img" aria-label="{label}">{drawing}</div>', format="html")]


def setup(app: Any) -> None:
    """Register what the pages use."""
    app.add_directive("mermaid", Mermaid)
    app.add_lexer("csv", TextLexer)  # Pygments has no lexer for tables
