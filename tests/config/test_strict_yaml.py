"""Parameter files that YAML itself would read, and misread."""

from __future__ import annotations

from pathlib import Path

import pytest

from spikebridge import config
from spikebridge.config.strict_yaml import load_yaml
from spikebridge.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: 2\na: 3\n", "f: the key a stands twice, in line 1 and line 3; one of them would be ignored"),
        ("a:\n  b: 1\n  c: {d: 1, e: 2,\n    d: 2}\n", "f: the key a.c.d stands twice, in line 3 and line 4"),
        ("a:\n- b: 1\n- {b: 1, b: 1}\n", "f: the key a.1.b stands twice, in line 3 and line 3"),
        ("a: {1: x, 1: y}\n", "the key a.1 stands twice"),
        ("a: {yes: x, true: y}\n", "the key a.true stands twice"),
        ('"a": 1\na: 2\n', "the key a stands twice, in line 1 and line 2"),
        ("x: &x {b: 1}\na:\n  <<: *x\n  <<: *x\n", "stands twice"),
        ("a: &a [*a]\n", "an alias in line 1 holds itself"),
        ("a: &a\n  b: *a\n", "an alias in line 1 holds itself"),
        ("[" * 3000 + "]" * 3000, "nested too deeply"),
        ("a: [1\nb: 2", "cannot be read as YAML: line 2, column 2"),
        ("a: 2021-13-45", "cannot be read as YAML"),
        ("a: !!python/object/apply:os.system ['true']", "cannot be read as YAML: line 1"),
    ],
)
def test_refused(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as error:
        load_yaml(text, "f")
    assert message in str(error.value)


@pytest.mark.parametrize("kind", ["[{}]", "{{<<: [{}]}}"])
def test_aliases_do_not_expand_without_end(kind: str) -> None:
    """The "billion laughs": each line holds the one before nine times, as a list or merged."""
    lines = ["a0: &a0 {k: 1}"]
    lines += [f"a{k}: &a{k} " + kind.format(", ".join([f"*a{k - 1}"] * 9)) for k in range(1, 12)]
    with pytest.raises(ConfigError, match="holds more than 100000 values once its aliases"):
        load_yaml("\n".join(lines), "f")


def test_what_yaml_allows() -> None:
    text = "base: &base {a: 1, b: 2}\nmine:\n  <<: *base\n  b: 3\nlist: [*base, *base]\n"
    assert load_yaml(text, "f") == {
        "base": {"a": 1, "b": 2},
        "mine": {"a": 1, "b": 3},
        "list": [{"a": 1, "b": 2}, {"a": 1, "b": 2}],
    }
    assert load_yaml("", "f") is None


def test_a_parameter_file_with_a_key_twice(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_text("data: {path: a, source: [A], target: [B]}\nmodels: {}\ntrials: {label: x, label: y}\n")
    with pytest.raises(ConfigError, match=r"params.yaml: the key trials.label stands twice, in line 3 and line 3"):
        config.load(path)
