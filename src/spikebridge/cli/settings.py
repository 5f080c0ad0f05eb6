"""Put a checked parameter file in the place of params.yaml."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from spikebridge import config
from spikebridge.config.strict_yaml import load_yaml
from spikebridge.errors import ConfigError

SIMULATED = "data/simulated"


def use(source: Path, changes: Sequence[str], target: Path) -> Path | None:
    """Check `source` with `changes` ("data.path=my/data"), then write it to `target`, comments kept.

    Sections that the file leaves out are written down with their defaults: DVC wants to see each that a stage reads.
    The file before is kept where it differed, as <name>.previous.yaml or, where that is taken, <name>.previous.1.yaml
    and so on; its path is returned. Raises ConfigError, and leaves everything as it was, when the result is not a valid
    parameter file.
    """
    config.load(source)
    text = source.read_text(encoding="utf-8")
    if changes:
        text = _changed(text, changes, source)
    given = load_yaml(text, str(source))
    settings = config.parse(given, str(source))
    text += _absent(settings, given)
    before = target.read_text(encoding="utf-8") if target.is_file() else None
    kept = None
    if before is not None and before != text:
        kept = _free(target)
        _replace(kept, before)
    if before != text:
        _replace(target, text)
    return kept


def _free(target: Path) -> Path:
    """A name for the file before that no earlier one has."""
    numbers = ("", *(f".{k}" for k in range(1, 10_000)))
    names = (target.with_name(f"{target.stem}.previous{k}{target.suffix}") for k in numbers)
    return next(name for name in names if not name.exists())


def data_not_here(params: Path) -> str:
    """What to say where `data.path` of a parameter file does not exist, seen from its folder; else empty.

    What the stage simulate makes may still be missing.
    """
    path = config.load(params).data.path
    if (params.resolve().parent / path).exists() or path == SIMULATED:
        return ""
    return f"data.path: {path!r} does not exist in {params.resolve().parent}, from which relative paths count"


def _absent(settings: config.Config, given: dict[str, Any]) -> str:
    """The sections that are not given, as YAML; `compute` with its defaults, since stages read one setting of it."""
    absent = [name for name in type(settings).model_fields if name not in given]
    if not absent:
        return ""
    said = {name: getattr(settings, name) if name == "seed" else {} for name in absent}
    if "compute" in said:
        said["compute"] = settings.compute.model_dump()
    return "\n# left out, so with their defaults\n" + yaml.safe_dump(said, sort_keys=False)


def _replace(path: Path, text: str) -> None:
    temporary = path.with_name(f".{path.name}.partial")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)


def _changed(text: str, changes: Sequence[str], source: Path) -> str:
    """The text with values changed and comments kept (ruamel.yaml, which comes with DVC)."""
    import io

    from ruamel.yaml import YAML

    editor = YAML()
    editor.preserve_quotes = True
    editor.width = 1000
    editor.representer.add_representer(
        type(None), lambda representer, _: representer.represent_scalar("tag:yaml.org,2002:null", "null")
    )
    content = editor.load(text)
    for change in changes:
        key, equals, value = change.partition("=")
        if not equals or not key:
            raise ConfigError(f"--set: expected KEY=VALUE such as data.path=my/data, got {change!r}")
        placed = _in_place(text, key.split("."), yaml.safe_load(value))
        if placed is not None:
            text, content = placed, editor.load(placed)
            continue
        _assign(content, key.split("."), yaml.safe_load(value), source)
        out = io.StringIO()
        editor.dump(content, out)
        text = out.getvalue()
    return text


def _in_place(text: str, keys: list[str], value: Any) -> str | None:
    """The text with one value in the place of another, all else as it was; None where that needs new lines."""
    node = yaml.compose(text, Loader=yaml.SafeLoader)
    for key in keys:
        below = node.value if isinstance(node, yaml.MappingNode) else []
        node = next((v for k, v in below if k.value == key), None)
    if not isinstance(node, yaml.ScalarNode) or not node.value or node.start_mark.line != node.end_mark.line:
        return None
    said = yaml.safe_dump([value], default_flow_style=True, width=10**9, allow_unicode=True).strip()[1:-1]
    placed = text[: node.start_mark.index] + said + text[node.end_mark.index :]
    return placed if "\n" not in said else None


def _assign(content: Any, keys: list[str], value: Any, source: Path) -> None:
    for i, key in enumerate(keys[:-1]):
        below = content.setdefault(key, {})
        if not isinstance(below, dict):
            section = ".".join(keys[: i + 1])
            raise ConfigError(f"--set {'.'.join(keys)}: {section} in {source} is a value, not a section")
        content = below
    content[keys[-1]] = value
