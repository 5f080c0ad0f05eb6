"""Write docs/parameters.md, the reference of params.yaml, from the configuration itself; `--check` only compares.

    python scripts/parameters_page.py

Defaults come from the fields of the sections, meanings from their docstrings, the settings of the models from the
models and their search spaces.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

from numpydoc.docscrape import ClassDoc
from pydantic_core import PydanticUndefined

from spikebridge import models
from spikebridge.config import Config
from spikebridge.config.base import Section

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "parameters.md"
HEAD = """# Every key of params.yaml

Written by `python scripts/parameters_page.py` from the configuration; do not edit it by hand. A key that is left out
has its default. An unknown key is an error that names the nearest known one. `null` means none. Times are in seconds,
rates in spikes per second (Hz).
"""
MODELS_HEAD = """## models

Name of a model -> its settings. A value fixes a setting; the word `tune` leaves it to the tuner, which searches the
range in the last column; others keep their default. [The models](models.md) says what each one is.
"""

WORDS = {None: "null", True: "true", False: "false"}


def meanings(section: type[Section]) -> dict[str, str]:
    """Key -> its description in the docstring of its section."""
    texts: dict[str, str] = {}
    for parameter in ClassDoc(section)["Parameters"]:
        for key in parameter.name.split(", "):
            texts[key] = " ".join(parameter.desc)
    return texts


def types(section: type[Section]) -> dict[str, str]:
    """Key -> its type in the words of the docstring."""
    return {
        key: re.sub(r", optional$", " or null", parameter.type)
        for parameter in ClassDoc(section)["Parameters"]
        for key in parameter.name.split(", ")
    }


def nested(annotation: Any) -> Iterator[type[Section]]:
    """The sections that a type holds."""
    if isinstance(annotation, type) and issubclass(annotation, Section):
        yield annotation
    for argument in get_args(annotation):
        yield from nested(argument)


def shown(value: Any) -> str:
    """A default as params.yaml writes it."""
    if value is PydanticUndefined:
        return "required"
    if isinstance(value, Section):
        return "see there"
    if value is None or isinstance(value, bool):
        return f"`{WORDS[value]}`"
    if isinstance(value, (list, tuple)):
        return f"`[{', '.join(map(str, value))}]`"
    return f"`{value}`"


def rows(section: type[Section], prefix: str) -> Iterator[str]:
    """The table of one section."""
    words, kinds = meanings(section), types(section)
    yield "| key | type | default | meaning |"
    yield "|---|---|---|---|"
    for key, field in section.model_fields.items():
        if key not in words:
            raise SystemExit(f"parameters_page: {prefix}{key} is not described in the docstring of {section.__name__}")
        default = field.get_default(call_default_factory=True) if not field.is_required() else PydanticUndefined
        cells = [f"`{prefix}{key}`", kinds[key], shown(default), words[key].rstrip(".")]
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def section_lines(name: str, section: type[Section]) -> Iterator[str]:
    """A section with those below it."""
    summary = " ".join(ClassDoc(section)["Summary"])
    yield from (f"## {name}", "", summary, "", *rows(section, f"{name}."), "")
    for key, field in section.model_fields.items():
        for inner in dict.fromkeys(nested(field.annotation)):
            yield from (" ".join(ClassDoc(inner)["Summary"]), "", *rows(inner, f"{name}.{key}."), "")


def searched(how: tuple[Any, ...]) -> str:
    """The range that the tuner searches."""
    kind, *values = how
    if kind == "categorical":
        return "one of " + ", ".join(map(str, values))
    low, high = values[:2]
    return f"{low} to {high}" + (", on a log scale" if kind == "log" else "")


def model_lines() -> Iterator[str]:
    """The settings of every model."""
    for name in models.names():
        model = models.get_class(name)
        if not model.Params.model_fields:
            continue
        yield from (f"### models.{name}", "", "| setting | default | tuned |", "|---|---|---|")
        for key, field in model.Params.model_fields.items():
            space = model.space.get(key)
            yield f"| `{key}` | {shown(field.get_default())} | {searched(space) if space else ''} |"
        yield ""


def page() -> str:
    """The whole page."""
    lines: list[str] = []
    for name, field in Config.model_fields.items():
        if name == "models":
            lines += [MODELS_HEAD, *model_lines()]
        elif name == "seed":
            lines += ["## seed", "", f"Of every random stream. Default: {shown(field.get_default())}.", ""]
        else:
            (section,) = nested(field.annotation)
            lines += section_lines(name, section)
    return HEAD + "\n" + "\n".join(lines).rstrip() + "\n"


def main() -> None:
    text = page()
    stale = not PAGE.is_file() or PAGE.read_text(encoding="utf-8") != text
    if stale and "--check" not in sys.argv:
        PAGE.write_text(text, encoding="utf-8")
    if stale:
        print(f"{PAGE.relative_to(ROOT)}: {'stale' if '--check' in sys.argv else 'written'}")
    sys.exit(1 if stale and "--check" in sys.argv else 0)


if __name__ == "__main__":
    main()
