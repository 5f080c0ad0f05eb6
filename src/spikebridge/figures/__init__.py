"""Figures, one a file, drawn from the tables of evaluate and nothing else.

A figure is a module here with `name`, `needs` (the tables it reads, without suffix) and
`draw(tables_folder, out_path) -> bool`, which writes one PNG; where its tables hold nothing to show, nothing and False.
"""

from spikebridge.figures.registry import draw_all, modules

__all__ = ["draw_all", "modules"]
