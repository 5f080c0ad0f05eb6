"""Commands on the project folder: `spikebridge use`, `spikebridge run` and `spikebridge repair`."""
# ruff: noqa: T201  (a command line prints)

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import yaml

from spikebridge import config
from spikebridge.artifacts.truth import SIMULATED_FOLDER
from spikebridge.config.strict_yaml import load_yaml
from spikebridge.errors import ConfigError

SIMULATED = SIMULATED_FOLDER.as_posix()
READ_ALONE = (
    *(f"analysis.{key}" for key in ("analyses", "halves", "max_epochs", "model", "n_folds", "n_members", "states")),
    *("compute.device", "quality.sorter_label_from", "quality.sorter_labels", "split.by"),
)
"""Settings that a stage of dvc.yaml reads without the rest of their section. DVC expects each of them in the file."""


def use(arguments: argparse.Namespace) -> None:
    """Check and try a parameter file first, then replace params.yaml: after an error params.yaml is as before."""
    target = Path("params.yaml")
    attempt = no_trial if arguments.no_try else try_recordings
    kept = replace_params(arguments.params, arguments.set, target, attempt)
    print("params.yaml written" + (f"; the one before is {kept}" if kept else "") + ". Next: make repro")
    if problem := _missing_data(target):
        print(f"spikebridge use: {problem}", file=sys.stderr)


def repair(_: argparse.Namespace) -> None:
    """Print what was repaired, and nothing where nothing was: `make repro` calls this before every run."""
    from spikebridge.runtime.repair import repair as repair_project

    for line in repair_project(Path.cwd()):
        print(f"spikebridge repair: {line}", file=sys.stderr)


def run(arguments: argparse.Namespace) -> None:
    """Run what is out of date in the pipeline. Exit code: that of DVC, 130 after Ctrl-C."""
    sys.exit(run_project(arguments.folder, "make repro"))


def run_project(folder: Path, again: str) -> int:
    """Repair what an interrupted DVC command left behind, then run the pipeline of a folder.

    Parameters
    ----------
    folder : Path
        The folder of dvc.yaml.
    again : str
        The command that goes on after an interruption.

    Returns
    -------
    int
        The exit code of DVC; 130 after Ctrl-C.

    Raises
    ------
    ConfigError
        Where dvc.yaml or params.yaml cannot be read.
    """
    import signal

    from spikebridge.cli.init_command import warn_of_version
    from spikebridge.runtime.pipeline_run import InterruptedRunError, reproduce
    from spikebridge.runtime.repair import repair as repair_project

    for line in repair_project(folder.resolve()):
        print(f"spikebridge repair: {line}", file=sys.stderr)
    warn_of_version(folder)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return reproduce(folder, lambda line: print(line, flush=True))
    except InterruptedRunError as error:
        print(f"\n{error}. Go on with: {again}", file=sys.stderr)
        return 130


def no_trial(_: config.Config, __: Path) -> None:
    """Read no recording."""


def try_recordings(settings: config.Config, folder: Path) -> None:
    """Read the recordings and cut them into windows, as the first stages will; nothing is written.

    folder: that relative paths count from. Nothing is tried where there are no recordings yet. Raises ConfigError or
    DataError with all that is wrong.
    """
    from spikebridge import inspection
    from spikebridge.artifacts.recordings import INGESTED_FOLDER
    from spikebridge.cli.inspect_command import progress
    from spikebridge.remote import with_local_copy

    data = with_local_copy(settings.data, lambda line: print(line, file=sys.stderr), folder)
    path = folder / data.path
    if not path.exists() or (path.is_dir() and not any(path.iterdir())):
        return
    here = settings.model_copy(update={"data": data.model_copy(update={"path": str(path)})})
    with progress() as report:
        inspection.try_parameters(inspection.TriedSections.of(here), folder / INGESTED_FOLDER, report)


def replace_params(
    source: Path, changes: Sequence[str], target: Path, attempt: Callable[[config.Config, Path], None] = no_trial
) -> Path | None:
    """Check `source` with `changes` ("data.path=my/data"), then write it to `target`. Comments are kept.

    Sections that the file leaves out are written with their defaults, since DVC expects each section that a stage
    reads, and so are settings of READ_ALONE. Where the earlier file differs, it is kept as <name>.previous.yaml, or
    <name>.previous.1.yaml and so on where that name is taken, and its path is returned. Raises ConfigError, and changes
    no file, when the result is not a valid parameter file.
    """
    config.load(source)
    text = source.read_text(encoding="utf-8")
    if changes:
        text = _changed(text, changes, source)
    given = load_yaml(text, str(source))
    settings = config.parse(given, str(source))
    attempt(settings, target.resolve().parent)
    text = _with_settings_read_alone(text, settings, given, source) + _absent_sections(settings, given)
    before = target.read_text(encoding="utf-8") if target.is_file() else None
    kept = None
    if before is not None and before != text:
        kept = _free_name(target)
        _replace(kept, before)
    if before != text:
        _replace(target, text)
    return kept


def _free_name(target: Path) -> Path:
    """A name for the earlier file that no other file has."""
    numbers = ("", *(f".{k}" for k in range(1, 10_000)))
    names = (target.with_name(f"{target.stem}.previous{k}{target.suffix}") for k in numbers)
    return next(name for name in names if not name.exists())


def _missing_data(params: Path) -> str:
    """A message where `data.path` of a parameter file does not exist, relative to its folder; else empty.

    The folder of the simulated recordings may be absent: the stage simulate makes it.
    """
    from spikebridge.remote import is_elsewhere

    path = config.load(params).data.path
    if is_elsewhere(path):
        return ""
    place = params.resolve().parent / path
    if place.is_dir() and not any(place.iterdir()):
        return f"data.path: {path!r} is an empty folder: put the recordings there"
    if place.exists() or path == SIMULATED:
        return ""
    return f"data.path: {path!r} does not exist in {params.resolve().parent}, from which relative paths count"


def _absent_sections(settings: config.Config, given: dict[str, Any]) -> str:
    """The sections that are not given, as YAML; `compute` with all its settings, others with those of READ_ALONE."""
    absent = [name for name in type(settings).model_fields if name not in given]
    if not absent:
        return ""
    sections: dict[str, Any] = {name: getattr(settings, name) if name == "seed" else {} for name in absent}
    for section, key in (name.split(".") for name in READ_ALONE):
        if section in sections:
            sections[section][key] = _default(settings, section, key)
    if "compute" in sections:
        sections["compute"] = settings.compute.model_dump()
    return "\n# left out, so with their defaults\n" + yaml.safe_dump(sections, sort_keys=False)


def _with_settings_read_alone(text: str, settings: config.Config, given: dict[str, Any], source: Path) -> str:
    """The text with the settings of READ_ALONE that a given section leaves out, at their defaults."""
    absent = [(section, key) for section, key in (name.split(".") for name in READ_ALONE)
              if section in given and key not in given[section]]  # fmt: skip
    if not absent:
        return text
    return _edited(text, [([section, key], _default(settings, section, key)) for section, key in absent], source)


def _default(settings: config.Config, section: str, key: str) -> Any:
    return settings.model_dump(mode="json", include={section: {key}})[section][key]


def _replace(path: Path, text: str) -> None:
    temporary = path.with_name(f".{path.name}.partial")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)


def _changed(text: str, changes: Sequence[str], source: Path) -> str:
    """The text with changed values."""
    pairs = []
    for change in changes:
        key, equals, value = change.partition("=")
        if not equals or not key:
            raise ConfigError(f"--set: expected KEY=VALUE such as data.path=my/data, got {change!r}")
        pairs.append((key.split("."), yaml.safe_load(value)))
    return _edited(text, pairs, source)


def _edited(text: str, pairs: Sequence[tuple[list[str], Any]], source: Path) -> str:
    """The text with the values of some keys. ruamel.yaml, a dependency of DVC, keeps the comments."""
    import io

    from ruamel.yaml import YAML

    editor = YAML()
    editor.preserve_quotes = True
    editor.width = 1000
    editor.representer.add_representer(
        type(None), lambda representer, _: representer.represent_scalar("tag:yaml.org,2002:null", "null")
    )
    content = editor.load(text)
    for keys, value in pairs:
        replaced = _in_place(text, keys, value)
        if replaced is not None:
            text, content = replaced, editor.load(replaced)
            continue
        _assign(content, keys, value, source)
        out = io.StringIO()
        editor.dump(content, out)
        text = out.getvalue()
    return text


def _in_place(text: str, keys: list[str], value: Any) -> str | None:
    """The text with one scalar replaced and nothing else changed; None where that needs new lines."""
    node = yaml.compose(text, Loader=yaml.SafeLoader)
    for key in keys:
        below = node.value if isinstance(node, yaml.MappingNode) else []
        node = next((v for k, v in below if k.value == key), None)
    if not isinstance(node, yaml.ScalarNode) or not node.value or node.start_mark.line != node.end_mark.line:
        return None
    scalar = yaml.safe_dump([value], default_flow_style=True, width=10**9, allow_unicode=True).strip()[1:-1]
    replaced = text[: node.start_mark.index] + scalar + text[node.end_mark.index :]
    return replaced if "\n" not in scalar else None


def _assign(content: Any, keys: list[str], value: Any, source: Path) -> None:
    for i, key in enumerate(keys[:-1]):
        below = content.setdefault(key, {})
        if not isinstance(below, dict):
            section = ".".join(keys[: i + 1])
            raise ConfigError(f"--set {'.'.join(keys)}: {section} in {source} is a value, not a section")
        content = below
    content[keys[-1]] = value
