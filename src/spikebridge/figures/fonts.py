"""The font of all figures: DejaVu Sans, in a copy of which matplotlib embeds a part in a PDF within milliseconds.

The copy lacks the tables with which other scripts than Latin and Greek are shaped. Taking a part of these tables was
two fifths of the time of all figures.
"""

from __future__ import annotations

import logging
import os
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import matplotlib as mpl
from fontTools import subset
from fontTools import version as fonttools_version
from matplotlib import font_manager

WHOLE = "DejaVu Sans"
"""It comes with matplotlib."""
FILES = ("DejaVuSans.ttf", "DejaVuSans-Bold.ttf", "DejaVuSans-Oblique.ttf", "DejaVuSans-BoldOblique.ttf")
LEFT_OUT = ("GSUB", "GPOS", "GDEF", "FFTM")
FAMILY_NAMES = (1, 16)
"""Identifiers of the names by which a font is asked for (OpenType specification, table `name`)."""


@cache
def families() -> list[str]:
    """Make the copy known to matplotlib.

    Returns
    -------
    list of str
        For `font.family`: the copy, then the whole font, which has every other character.
    """
    folder = Path(mpl.get_cachedir()) / f"spikebridge-{mpl.__version__}-{fonttools_version}"
    folder.mkdir(parents=True, exist_ok=True)
    name = f"{WHOLE} Latin"
    for file in FILES:
        if not (folder / file).is_file():
            _write_copy(Path(mpl.get_data_path()) / "fonts" / "ttf" / file, folder / file, name)
        font_manager.fontManager.addfont(folder / file)
    return [name, WHOLE]


def _write_copy(whole: Path, copy: Path, name: str) -> None:
    """Write it under another name and rename it: several processes may do so at once."""
    options: Any = subset.Options(glyph_names=True, recommended_glyphs=True, drop_tables=list(LEFT_OUT))
    logging.getLogger(subset.__name__).setLevel(logging.ERROR)
    subsetter: Any = subset.Subsetter(options)
    subsetter.populate(unicodes=[*range(0x20, 0x250), *range(0x370, 0x400), *range(0x2000, 0x2C00)])
    font: Any = subset.load_font(str(whole), options)
    subsetter.subset(font)
    for record in font["name"].names:
        if record.nameID in FAMILY_NAMES:
            record.string = name
    number, temporary = tempfile.mkstemp(dir=copy.parent, suffix=".unfinished")
    os.close(number)
    try:
        subset.save_font(font, temporary, options)
        os.replace(temporary, copy)
    finally:
        Path(temporary).unlink(missing_ok=True)
