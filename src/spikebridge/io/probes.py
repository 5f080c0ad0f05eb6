"""Find paths whose names look like the probes of one session: run1_imec0 and run1_imec1, day1/probeA and
day1/probeB."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import yaml

TOKEN = re.compile(
    r"(?<![A-Za-z])(?:imec|probe|prb|shank|port|array|neuropixels?)[ _.-]?(?:\d{1,3}[a-d]?|[A-H])(?![A-Za-z0-9])",
    re.IGNORECASE,
)
"""The name of a probe in a path."""
WORD = re.compile(r"[^\W_]+")
GAP = "\0"
SORTER = re.compile(r"(imec\d*_?)?(py)?(kilosort|ks|phy|iblsorter|sort)[\w.-]*", re.IGNORECASE)
"""Names of sorter folders, which are not part of the name of a session."""
Group = dict[str, Path]
"""Name of a probe -> its path."""


def groups_in(paths: Iterable[Path], root: Path, is_region: Callable[[str], bool] | None = None) -> dict[str, Group]:
    """Name of a session -> its probes: paths within root that differ only in the name of a probe.

    is_region: whether a word of a path is a brain region; if given, such words also distinguish probes (rat1_HC).
    """
    held: dict[tuple[str, ...], list[tuple[tuple[str, ...], Path]]] = {}
    for path in paths:
        if path == root:
            continue
        parts = [*path.relative_to(root).parts]
        suffix = "" if path.is_dir() else path.suffix
        parts[-1] = parts[-1].removesuffix(suffix)
        split = [_split(part, is_region) for part in parts]
        tokens = tuple(dict.fromkeys(t for _, of_part in split for t in of_part))
        if tokens:
            held.setdefault((*(template for template, _ in split), suffix), []).append((tokens, path))
    groups: dict[tuple[str, ...], Group] = {}
    for key, members in held.items():
        labels = _labels([tokens for tokens, _ in members])
        if len(members) > 1 and len(set(labels)) == len(members) and "" not in labels:
            groups[key[:-1]] = dict(zip(labels, (path for _, path in members), strict=True))
    return dict(zip(_session_names(list(groups), root), groups.values(), strict=True))


def names_for(paths: Iterable[Path]) -> list[str]:
    """Names for the probes of a list of paths: the probe's name in the path, else the last part that differs."""
    paths = list(paths)
    labels = _labels([tuple(dict.fromkeys(TOKEN.findall("/".join(p.parts)))) for p in paths])
    if "" not in labels and len(set(labels)) == len(labels):
        return labels
    stems = [(p.stem if p.suffix and not p.is_dir() else p.name) or f"part{k}" for k, p in enumerate(paths)]
    if len(set(stems)) == len(stems):
        return stems
    different = [[part for part in p.parts if not all(part in other.parts for other in paths)] for p in paths]
    return ["_".join(parts) or str(k) for k, parts in enumerate(different)]


def as_yaml(groups: Mapping[str, Group], root: Path) -> str:
    """data.recordings for these groups, on one line."""
    plain = {name: relative(group, root) for name, group in groups.items()}
    text = yaml.safe_dump(plain, default_flow_style=True, width=10**9, allow_unicode=True, sort_keys=False)
    return text.strip()


def relative(group: Group, root: Path) -> dict[str, str]:
    """The paths in the form of data.recordings."""
    return {probe: path.relative_to(root).as_posix() for probe, path in group.items()}


def _split(part: str, is_region: Callable[[str], bool] | None) -> tuple[str, list[str]]:
    """A part of a path in which the probe names are replaced by gaps, and these names."""
    tokens = TOKEN.findall(part)
    template = TOKEN.sub(GAP, part)
    if is_region is None:
        return template, tokens
    words = [m for m in WORD.finditer(template) if is_region(m[0])]
    for match in reversed(words):
        template = template[: match.start()] + GAP + template[match.end() :]
    return template, tokens + [m[0] for m in words]


def _labels(tokens: list[tuple[str, ...]]) -> list[str]:
    """One name per member: the tokens that not all members have."""
    folded = [{t.casefold() for t in names} for names in tokens]
    shared = set.intersection(*folded) if folded else set()
    return ["_".join(t for t in names if t.casefold() not in shared) for names in tokens]


def _session_names(keys: list[tuple[str, ...]], root: Path) -> list[str]:
    """The last part of each path that belongs to the name of the session; all parts if two names would be equal."""
    named = [
        list(dict.fromkeys(w for part in key if (w := _cleaned(part)) and not SORTER.fullmatch(w))) for key in keys
    ]
    short = [words[-1] if words else root.resolve().name for words in named]
    if len(set(short)) == len(short):
        return short
    return ["_".join(words) or root.resolve().name for words in named]


def _cleaned(part: str) -> str:
    return re.sub(r"[_\-. ]{2,}", "_", part.replace(GAP, "")).strip("_-. ")
