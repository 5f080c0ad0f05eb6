"""Stages one after the other without DVC: their commands, their order and their errors."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from spikebridge.runtime.without_dvc import StageFailedError, run_stages, stage_command


def project(folder: Path, **scripts: str) -> Path:
    """A folder whose stages are these scripts, in this order; each runs once a model where its name begins with fit."""
    stages = {}
    for name, text in scripts.items():
        (folder / f"{name}.py").write_text(text, encoding="utf-8")
        stages[name] = {"cmd": f"python {name}.py"}
        if name.startswith("fit"):
            stages[name] = {"foreach": "${models}", "do": {"cmd": f"python {name}.py ${{key}}"}}
    (folder / "dvc.yaml").write_text(yaml.safe_dump({"stages": stages}, sort_keys=False), encoding="utf-8")
    return folder


def test_commands_are_those_of_dvc_yaml(tmp_path: Path) -> None:
    project(tmp_path, first="", fit="")
    assert stage_command(tmp_path, "first") == ["python", "first.py"]
    assert stage_command(tmp_path, "fit@dnn") == ["python", "fit.py", "dnn"]


def test_they_run_in_order_in_the_folder(tmp_path: Path) -> None:
    project(tmp_path, first="open('a', 'w').write('1')", fit="import sys; print(open('a').read(), sys.argv[1])")
    lines: list[str] = []
    run_stages(tmp_path, ["first", "fit@dnn"], lines.append, lines.append)
    assert lines == ["stage 1 of 2, first", "stage 2 of 2, fit@dnn", "1 dnn"]


def test_a_mistake_ends_with_the_text_of_the_stage(tmp_path: Path) -> None:
    wrong = "sys.stderr.write('fit@dnn: day1: no units\\nday2: no units\\n')"
    project(tmp_path, fit=f"import sys\nprint('fit@dnn: epoch 1')\n{wrong}\nsys.exit(2)", last="open('a', 'w')")
    with pytest.raises(StageFailedError) as caught:
        run_stages(tmp_path, ["fit@dnn", "last"], lambda _: None, lambda _: None)
    assert str(caught.value) == "fit@dnn: day1: no units\nday2: no units"
    assert not (tmp_path / "a").exists()


def test_a_defect_keeps_its_traceback(tmp_path: Path) -> None:
    project(tmp_path, first="1 / 0")
    with pytest.raises(RuntimeError, match=r"(?s)first ended with exit code 1:.*ZeroDivisionError"):
        run_stages(tmp_path, ["first"], lambda _: None, lambda _: None)
