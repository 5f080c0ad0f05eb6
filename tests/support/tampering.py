"""Saved models that somebody tampered with: what was changed.

`tampered_models` takes a good model and gives (name, make): `make(copy)` changes a copy of it in place. Names that end
with RECOMPUTED belong to somebody who wrote the manifests anew, too; those of them that `plausible` names are models
that could be true, and only a record outside the store tells that they are not. `tampering_outcomes` loads the copies.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import pickle
import shutil
import zipfile
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

from tampered_contents import Case, Make, array_cases, json_cases, model_json_cases, rewrite
from tampering_outcomes import MARKER

RECOMPUTED, AROUND = ", manifest recomputed", "around the model, "
CODE = f"import os, pathlib; pathlib.Path(os.environ['{MARKER}']).write_text('executed')\n"
PLAUSIBLE = (
    "bit flipped", "a number changed", "served.json", "served_script.py", "MLmodel", "planted",
)  # fmt: skip
"""Beginnings of names: what could be a true model once the manifests say so."""


def plausible(name: str) -> bool:
    """Whether a changed model could be a true one, so that only a record outside the store can tell."""
    if name.startswith(AROUND):  # spikebridge does not read them, but for their kind and bytes
        return name.endswith(RECOMPUTED) and not any(kind in name for kind in ("a link to", "a named pipe"))
    return name.endswith(RECOMPUTED) and name.partition(": ")[2].startswith(PLAUSIBLE)


def tampered_models(folder: Path) -> list[Case]:
    """Cases for a good model: the folder of a saved model, or MLflow's with artifacts/model in it."""
    inner = model_folder(folder)
    cases: list[Case] = []
    for path in sorted(p for p in folder.rglob("*") if p.is_file() and p.parent in {folder, inner}):
        name = path.relative_to(folder).as_posix()
        called = name if path.parent == inner else AROUND + name
        cases += [(f"{called}: {what}", make) for what, make in any_file_cases(name)]
        if path.suffix == ".json" and path.parent == inner:
            cases += [(f"{name}: {what}", make) for what, make in json_cases(path, name)]
        if path.suffix == ".safetensors":
            cases += [(f"{name}: {what}", make) for what, make in array_cases(path, name)]
    cases += [(f"model.json: {what}", make) for what, make in model_json_cases(inner, folder)]
    cases += [(f"folder: {what}", make) for what, make in folder_cases(folder, inner)]
    recomputed = [(name + RECOMPUTED, _then_recompute(make)) for name, make in cases if "manifest.json: " not in name]
    return cases + recomputed


def model_folder(folder: Path) -> Path:
    return folder / "artifacts" / "model" if (folder / "artifacts" / "model").is_dir() else folder


def _then_recompute(make: Make) -> Make:
    def both(copy: Path) -> None:
        make(copy)
        inner = model_folder(copy)
        for top in dict.fromkeys([inner, copy]):
            if (top / "manifest.json").is_file():
                _recompute(top)

    return both


def _recompute(top: Path) -> None:
    files = {}
    for path in sorted(top.rglob("*")):
        name = path.relative_to(top).as_posix()
        if path.is_file() and name != "manifest.json" and not name.startswith(("evidence/", "registered_model_meta")):
            raw = path.read_bytes()
            files[name] = {"bytes": len(raw), "sha256": hashlib.sha256(raw).hexdigest()}
    (top / "manifest.json").write_text(json.dumps({"schema": 1, "files": files}))


def any_file_cases(name: str) -> Iterator[Case]:
    def changed(change: Callable[[bytes], bytes]) -> Make:
        return lambda copy: rewrite(copy / name, change((copy / name).read_bytes()))

    def linked(copy: Path) -> None:
        kept = copy.with_name(copy.name + ".kept")
        shutil.copy(copy / name, kept)
        (copy / name).unlink()
        (copy / name).symlink_to(kept)

    def a_folder(copy: Path) -> None:
        (copy / name).unlink()
        (copy / name).mkdir()

    def fifo(copy: Path) -> None:
        (copy / name).unlink()
        os.mkfifo(copy / name)

    short = Path(name).name
    yield f"{short} truncated", changed(lambda raw: raw[: len(raw) // 2])
    yield f"{short} empty", changed(lambda raw: b"")
    if name.endswith(".json"):
        yield f"{short} two bytes lost", changed(lambda raw: raw[:-2])
    else:
        yield "bit flipped", changed(_flipped)
    yield f"{short} with bytes appended", changed(lambda raw: raw + b"\0" * 8)
    yield f"{short} missing", lambda copy: (copy / name).unlink()
    yield "a link to elsewhere", linked
    yield "a folder instead", a_folder
    yield "a named pipe instead", fifo
    yield "a pickle instead", changed(lambda raw: _pickle())
    yield "a zip bomb instead", changed(lambda raw: _zip_bomb())


def _flipped(raw: bytes) -> bytes:
    at = len(raw) * 3 // 4
    return raw[:at] + bytes([raw[at] ^ 0b100]) + raw[at + 1 :]


class _Planted:
    def __reduce__(self) -> Any:
        return exec, (CODE,)


def _pickle() -> bytes:
    return pickle.dumps(_Planted())


@cache
def _zip_bomb() -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("schema.json", b"[" * 20_000_000)
    return held.getvalue()


def folder_cases(folder: Path, inner: Path) -> Iterator[Case]:
    def plant(name: str, raw: bytes) -> Make:
        def make(copy: Path) -> None:
            path = copy / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.unlink(missing_ok=True)
            path.write_bytes(raw)

        return make

    here = inner.relative_to(folder)
    for name, raw in (
        ("model.pkl", _pickle()), ("python_model.pkl", _pickle()), ("forests.skops", _zip_bomb()),
        ("sitecustomize.py", CODE.encode()), ("spikebridge/__init__.py", CODE.encode()), ("torch.py", CODE.encode()),
        ("model.json.bak", b"{}"), (".hidden", b""), ("weights.pt", _pickle()),
    ):  # fmt: skip
        yield f"planted {name} beside the model", plant((here / name).as_posix(), raw)

    def elsewhere(copy: Path) -> None:
        target, kept = copy / here, copy.with_name(copy.name + ".elsewhere")
        shutil.move(target, kept)
        target.symlink_to(kept, target_is_directory=True)

    def deep(copy: Path) -> None:
        below = copy / here
        for _ in range(40):
            below = below / ("d" * 40)
        below.mkdir(parents=True)
        (below / "file").write_text("x")

    yield "planted folders, forty deep", deep
    if inner == folder:
        return
    yield "the model's folder a link to elsewhere", elsewhere
    yield "served_script.py replaced", plant("served_script.py", CODE.encode())
    yield (
        "MLmodel with a Python tag",
        plant("MLmodel", f"a: !!python/object/apply:exec [{json.dumps(CODE)}]\n".encode()),
    )
    yield "MLmodel that is no YAML", plant("MLmodel", b"\t{:[")
    yield "MLmodel with aliases that multiply", plant("MLmodel", _yaml_bomb())

    def other_code(copy: Path) -> None:
        plant("evil.py", CODE.encode())(copy)
        path = copy / "MLmodel"
        text = path.read_text(encoding="utf-8")
        rewrite(path, text.replace("served_script.py", "evil.py").encode())

    yield "MLmodel that names another script", other_code
    for name in ("evil.py", "python_model.pkl", "code/spikebridge/__init__.py"):
        yield f"planted {name}", plant(name, CODE.encode() if name.endswith(".py") else _pickle())


def _yaml_bomb() -> bytes:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 12)]
    return "\n".join(lines).encode()
