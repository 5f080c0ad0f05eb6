"""A parameter file of an earlier version: every old key is refused, with the name that it has now."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from spikebridge import config, models
from spikebridge.cli.project_commands import replace_params
from spikebridge.errors import ConfigError
from spikebridge.errors.renamed_keys import MOVED, RENAMED, REPLACED

MINIMAL = {"data": {"path": "d", "source": ["HC"], "target": ["PFC"]}, "models": {"majority": {}}}


def nested(key: str, value: Any) -> dict[str, Any]:
    for part in reversed(key.split(".")):
        value = {part: value}
    assert isinstance(value, dict)
    return value


@pytest.mark.parametrize("key", sorted(RENAMED))
def test_an_old_key_is_refused_with_its_new_name(key: str) -> None:
    with pytest.raises(ConfigError) as caught:
        config.parse(MINIMAL | nested(key, {}), "old.yaml")
    assert f"{key} is now {RENAMED[key]}" in str(caught.value)


@pytest.mark.parametrize("key", sorted(RENAMED))
def test_the_new_name_is_a_key_and_the_old_one_is_none(key: str) -> None:
    section, _, old = key.rpartition(".")
    new = RENAMED[key].split()[0]
    if section.startswith("models."):
        fields = models.get_class(section.removeprefix("models.")).Params.model_fields
    elif section:
        now = RENAMED.get(section, section)
        annotation = config.Config.model_fields[now].annotation
        assert annotation is not None
        fields = annotation.model_fields
    else:
        fields = config.Config.model_fields
    assert new in fields
    assert old not in fields


def test_use_names_the_new_key_and_changes_nothing(tmp_path: Path) -> None:
    old, target = tmp_path / "old.yaml", tmp_path / "params.yaml"
    old.write_text("data: {path: d, source: [HC], target: [PFC]}\nmodels: {random_forest: {trees: 5, min_leaf: 2}}\n")
    with pytest.raises(ConfigError) as caught:
        replace_params(old, [], target)
    assert str(caught.value) == (
        f"{old}: models.random_forest.trees is now n_estimators; models.random_forest.min_leaf is now min_samples_leaf"
    )
    assert not target.exists()


def test_set_names_the_new_key(tmp_path: Path) -> None:
    source = tmp_path / "source.yaml"
    source.write_text("data: {path: d, source: [HC], target: [PFC]}\nmodels: {majority: {}}\n")
    with pytest.raises(ConfigError, match=r"tune\.trials is now n_trials"):
        replace_params(source, ["tune.trials=3"], tmp_path / "params.yaml")


@pytest.mark.parametrize("key", sorted(MOVED))
def test_a_moved_key_is_refused_with_its_new_place(key: str) -> None:
    _, model, old = key.split(".")
    section, new = MOVED[key].split(".")
    annotation = config.Config.model_fields[section].annotation
    assert annotation is not None and new in annotation.model_fields
    assert old not in models.get_class(model).Params.model_fields
    with pytest.raises(ConfigError, match=rf"{key} is now {section}\.{new}, one setting for all translators"):
        config.parse({"data": {"path": "x"}, "models": {model: {old: True}}})


@pytest.mark.parametrize("key", sorted(REPLACED))
@pytest.mark.parametrize("value", [True, False])
def test_a_key_that_another_model_replaced_is_refused_with_its_name(key: str, value: bool) -> None:
    _, model, old = key.split(".")
    assert old not in models.get_class(model).Params.model_fields
    with pytest.raises(ConfigError) as caught:
        config.parse(MINIMAL | nested(key, value), "old.yaml")
    assert f"{key} is now {REPLACED[key]}" in str(caught.value)
    other = REPLACED[key].removeprefix("the model ").split(";")[0]
    assert other in models.names()
