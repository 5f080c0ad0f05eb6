"""Figures, one a file, drawn from the tables of evaluate and nothing else.

A figure is a module here with `name`, `needs` (the tables it reads, without suffix) and
`draw(tables_folder, out_path) -> bool`, which writes one PNG, with SVG and PDF beside it; where its tables hold nothing
to show, nothing and False. Each also has `caption: str`, which stands alone (what is drawn, units, what intervals are,
n), and `how_to_read: str`, two to four sentences on what a good and what a bad result look like. A figure that needs an
image for each recording, say, also has `pages(tables_folder) -> list[str]`, and `draw` takes one of them as `page`;
without it, it draws the first. Where `group_page(tables_folder) -> str` names one of them, the report on all recordings
shows that one alone. Names of regions and numbers of trials come from `study`, where the tables have them.
"""

from spikebridge.figures.draw import draw_all, modules
from spikebridge.figures.study import Regions, regions_of

__all__ = ["Regions", "draw_all", "modules", "regions_of"]
