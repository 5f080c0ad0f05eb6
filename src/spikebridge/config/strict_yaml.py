"""YAML of a user, read strictly: a key that stands twice is an error, and so are aliases that expand without end."""

from __future__ import annotations

from typing import Any

import yaml

from spikebridge.errors import ConfigError

MAX_VALUES = 100_000
"""Values that a file may hold with its aliases (&name, *name) written out."""
MERGE = "tag:yaml.org,2002:merge"
"""The key `<<`."""


def load_yaml(text: str, name: str) -> Any:
    """The content of a YAML text. name: of the file, for messages.

    Raises ConfigError with line and column where it is no YAML; with both lines where a key stands twice; where aliases
    are too many or refer to themselves.
    """
    try:
        loader = yaml.SafeLoader(text)
        try:
            node = loader.get_single_node()
            if node is None:
                return None
            _check_keys(loader, node, name, {})
            _check_size(node, name)
            return loader.construct_document(node)
        finally:
            loader.dispose()
    except yaml.YAMLError as error:
        raise ConfigError(f"{name}: cannot be read as YAML: {_where(error)}") from None
    except RecursionError:
        raise ConfigError(f"{name}: cannot be read as YAML: nested too deeply") from None
    except ValueError as error:  # a date that does not exist, say
        raise ConfigError(f"{name}: cannot be read as YAML: {error}") from None


def _where(error: Exception) -> str:
    """Line and column of a mistake in YAML, and the parser's message."""
    mark = getattr(error, "problem_mark", None)
    if mark is None:
        return str(error)
    return f"line {mark.line + 1}, column {mark.column + 1}: {getattr(error, 'problem', error)}"


def _check_keys(loader: yaml.SafeLoader, node: yaml.Node, name: str, seen: dict[int, str], path: str = "") -> None:
    """Keys of every mapping; one of an alias is looked at once. A key may stand for one that `<<` merges."""
    if id(node) in seen:
        return
    seen[id(node)] = path
    if isinstance(node, yaml.SequenceNode):
        for k, value in enumerate(node.value):
            _check_keys(loader, value, name, seen, f"{path}.{k}" if path else str(k))
    if not isinstance(node, yaml.MappingNode):
        return
    lines: dict[Any, int] = {}
    for key, value in node.value:
        plain = isinstance(key, yaml.ScalarNode) and key.tag != MERGE
        key_object = loader.construct_object(key, deep=True) if plain else MERGE if key.tag == MERGE else id(key)
        where = f"{path}.{key.value}" if path else str(key.value)
        line = key.start_mark.line + 1
        if key_object in lines:
            raise ConfigError(
                f"{name}: the key {where} stands twice, in line {lines[key_object]} and line {line}; one of them "
                "would be ignored: remove one"
            )
        lines[key_object] = line
        _check_keys(loader, value, name, seen, where)


def _check_size(node: yaml.Node, name: str) -> None:
    """Counts every value with its aliases written out, without writing them out."""
    sizes: dict[int, int] = {}

    def size(subnode: yaml.Node) -> int:
        known = sizes.get(id(subnode))
        if known == 0:
            raise ConfigError(f"{name}: an alias in line {subnode.start_mark.line + 1} holds itself")
        if known is not None:
            return known
        sizes[id(subnode)] = 0  # being counted
        below = subnode.value if isinstance(subnode, yaml.CollectionNode) else []
        parts = [part for pair in below for part in (pair if isinstance(pair, tuple) else (pair,))]
        sizes[id(subnode)] = 1 + sum(size(part) for part in parts)
        return sizes[id(subnode)]

    if size(node) > MAX_VALUES:
        raise ConfigError(
            f"{name}: holds more than {MAX_VALUES} values once its aliases (&name, *name) are written out"
        )
