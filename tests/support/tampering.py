"""Saved models that somebody tampered with: what was changed, and what loading them came to, each in its own process.

`tampered_models` takes a good model and gives (name, make): `make(copy)` changes a copy of it in place. Names that end
with RECOMPUTED belong to somebody who wrote the manifests anew, too; those of them that `plausible` names are models
that could be true, and only a record outside the store tells that they are not.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import pickle
import resource
import select
import shutil
import signal
import struct
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file, save_file

from spikebridge import models

Make = Callable[[Path], None]
Case = tuple[str, Make]
RECOMPUTED, AROUND = ", manifest recomputed", "around the model, "
MARKER = "SPIKEBRIDGE_TAMPERING_MARKER"
"""Environment variable with the path of a file that planted code would make."""
CODE = f"import os, pathlib; pathlib.Path(os.environ['{MARKER}']).write_text('executed')\n"
SECONDS, GIBIBYTES = 50, 8
BLIND = ("majority", "mean_rate", "psth")
"""Models that do not look at the source: with other units they are true models still."""
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
        cases += [(f"{called}: {what}", make) for what, make in _of_any_file(name)]
        if path.suffix == ".json" and path.parent == inner:
            cases += [(f"{name}: {what}", make) for what, make in _of_json(path, name)]
        if path.suffix == ".safetensors":
            cases += [(f"{name}: {what}", make) for what, make in _of_arrays(path, name)]
    cases += [(f"model.json: {what}", make) for what, make in _of_about(inner, folder)]
    cases += [(f"folder: {what}", make) for what, make in _of_folder(folder, inner)]
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


def _of_any_file(name: str) -> Iterator[Case]:
    def changed(change: Callable[[bytes], bytes]) -> Make:
        return lambda copy: _rewrite(copy / name, change((copy / name).read_bytes()))

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


def _rewrite(path: Path, raw: bytes) -> None:
    path.unlink()
    path.write_bytes(raw)


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


def _of_json(path: Path, name: str) -> Iterator[Case]:
    content = json.loads(path.read_text(encoding="utf-8"))

    def text(said: str | bytes) -> Make:
        raw = said.encode() if isinstance(said, str) else said
        return lambda copy: _rewrite(copy / name, raw)

    short = Path(name).name
    prefix = short if short == "served.json" else "JSON"  # nothing is predicted from served.json
    for said, what in (
        ("[]", "a list"),
        ("null", "null"),
        ("3", "a number"),
        ('"text"', "a string"),
        ("{}", "nothing"),
    ):
        yield f"{short if said == '{}' else 'JSON'} {what}", text(said)
    yield "JSON nested too deeply", text('{"a":' * 200_000 + "1" + "}" * 200_000)
    yield "JSON not UTF-8", text(b"\xff\xfe" + path.read_bytes())
    yield "JSON with a key twice", text("{" + json.dumps(next(iter(content))) + ": 1, " + json.dumps(content)[1:])
    yield "JSON of another encoding", text(json.dumps(content).encode("utf-16"))
    for key in content:
        rest = {k: v for k, v in content.items() if k != key}
        yield f"{prefix} without {key}", text(json.dumps(rest))
        for value, what in (
            (None, "null"),
            ("x", "text"),
            ([[]], "lists"),
            ({"a": {}}, "objects"),
            (-1e308, "a number"),
        ):
            yield f"{prefix} {key} as {what}", text(json.dumps(content | {key: value}))
        for word in ("1e400", "NaN", "-Infinity", "9" * 5000):
            yield f"JSON {key} as {word[:9]}", text(json.dumps(content | {key: "@"}).replace('"@"', word))
    yield f"{prefix} with one key more", text(json.dumps(content | {"__class__": "os.system"}))


def _of_about(inner: Path, folder: Path) -> Iterator[Case]:
    path = inner / "model.json"
    name = path.relative_to(folder).as_posix()
    about = json.loads(path.read_text(encoding="utf-8"))
    first, params = next(iter(about["recordings"])), about["params"]

    def put(**changes: Any) -> Make:
        return lambda copy: _rewrite(copy / name, json.dumps(about | changes).encode())

    def units(**changes: Any) -> Make:
        return put(recordings=about["recordings"] | {first: about["recordings"][first] | changes})

    source = about["recordings"][first]["source_units"]
    for bins in (0, -1, 10**9, 10**30, "8", 8.5, True, about["n_bins"] + 1):
        # what does not look at single bins can have one more: then a number is changed, and a true model thinkable
        more = "a number changed: " if bins == about["n_bins"] + 1 else ""
        yield f"{more}n_bins {bins!s:.12}", put(n_bins=bins)
    for width in (0, -1.0, 1e-300, 1e300, "0.25"):
        yield f"bin_s {width}", put(bin_s=width)
    yield "a number changed: bin_s", put(bin_s=about["bin_s"] * 2)
    classes = about["classes"]
    for what, value in (
        ("none", []), ("twice the same", [classes[0]] * len(classes)), ("one more", [*classes, "more"]),
        ("one fewer", classes[:-1]), ("numbers", [1, 2]), ("too many", [str(i) for i in range(20_000)]),
    ):  # fmt: skip
        yield f"classes: {what}", put(classes=value)
    yield "no recordings", put(recordings={})
    yield "another recording more", put(recordings=about["recordings"] | {"more": about["recordings"][first]})
    yield "one recording fewer", put(recordings={k: v for k, v in about["recordings"].items() if k != first})
    of = "a number changed: units" if about["model"] in BLIND else "units"
    yield f"{of}: one more", units(source_units=[*source, max(source) + 1])
    yield f"{of}: one fewer", units(source_units=source[:-1])
    yield f"{of}: none", units(source_units=[])
    yield "units: an id twice", units(source_units=[source[0]] * len(source))
    yield "units: an id of 30 digits", units(source_units=[10**30, *source[1:]])
    yield "units: text", units(source_units=[str(u) for u in source])
    yield f"{of}: a million", units(source_units=list(range(1_000_000)))
    shares = about["class_shares"]
    k = len(classes)
    for what, row in (("zero", [0.0] * k), ("below zero", [-1.0, 2.0]), ("too few", [1.0]), ("not one", [0.9] * k)):
        yield f"class_shares: {what}", put(class_shares=shares | {first: row})
    for kind in ("base", "parts", "../majority", "os", "", "mean_rate", "nothing", "seq2seq.network", "__init__"):
        if kind != about["model"]:
            yield f"model {kind!r}", put(model=kind)
    yield "params: an unknown key", put(params=params | {"evil": 1})
    for key, value in params.items():
        if isinstance(value, bool) or value is None:
            continue
        if isinstance(value, (int, float)):
            big = 10**9 if isinstance(value, int) else 1e300
            # a setting of the fit alone changes no shape: with it, too, a true model is thinkable
            yield f"a number changed: {key} huge", put(params=params | {key: big})
            yield f"params: {key} below zero", put(params=params | {key: -1})
        yield f"params: {key} as a list", put(params=params | {key: [1]})


def _of_arrays(path: Path, name: str, most: int = 24) -> Iterator[Case]:
    arrays = load_file(path)
    chosen = list(arrays)[:: max(1, len(arrays) // most)]

    def put(change: Callable[[dict[str, np.ndarray]], Any]) -> Make:
        def make(copy: Path) -> None:
            held = {k: a.copy() for k, a in load_file(copy / name).items()}
            change(held)
            (copy / name).unlink()
            save_file(held, copy / name)

        return make

    def one(key: str, change: Callable[[np.ndarray], np.ndarray]) -> Make:
        return put(lambda held: held.update({key: np.asarray(change(held[key]), order="C")}))

    def filled(value: float) -> Callable[[np.ndarray], np.ndarray]:
        def change(a: np.ndarray) -> np.ndarray:
            a = a.copy()
            a.reshape(-1)[:1] = value
            return a

        return change

    for key in chosen:
        if arrays[key].dtype.kind == "f" and arrays[key].size:
            yield f"{key} with NaN", one(key, filled(np.nan))
            yield f"{key} with inf", one(key, filled(-np.inf))
        yield f"{key} as integers", one(key, lambda a: np.nan_to_num(a).astype(np.int16))
        yield f"{key} in half precision", one(key, lambda a: a.astype(np.float16))
        yield f"{key} missing", put(lambda held, key=key: held.pop(key))
        yield f"{key} with an axis more", one(key, lambda a: a[None])
        if arrays[key].size:
            yield f"{key} one longer", one(key, lambda a: np.concatenate([np.atleast_1d(a), np.atleast_1d(a)[:1]]))
            yield f"{key} empty", one(key, lambda a: a.reshape(-1)[:0])
    yield "one array more", put(lambda held: held.update({"more": np.zeros(3)}))
    yield "no array", put(lambda held: held.clear())
    yield from _of_trees(arrays, one)
    for what, header in _headers(arrays):
        raw = struct.pack("<Q", len(header)) + header + b"\0" * 64
        yield f"header: {what}", lambda copy, raw=raw: _rewrite(copy / name, raw)
    huge = struct.pack("<Q", 2**62) + path.read_bytes()[8:]
    yield "header: its length huge", lambda copy: _rewrite(copy / name, huge)


def _headers(arrays: dict[str, np.ndarray]) -> Iterator[tuple[str, bytes]]:
    key = next(iter(arrays))

    def entry(**changes: Any) -> bytes:
        return json.dumps({key: {"dtype": "F64", "shape": [8], "data_offsets": [0, 64]} | changes}).encode()

    yield "a huge shape", entry(shape=[10**9, 10**9])
    yield "a huge empty shape", entry(shape=[0, 10**18], data_offsets=[0, 0])
    yield "sizes that run over", entry(shape=[2**63, 2], data_offsets=[0, 64])
    yield "offsets beyond the end", entry(data_offsets=[0, 10**12], shape=[10**12 // 8])
    yield "offsets backwards", entry(data_offsets=[64, 0])
    yield "offsets below zero", entry(data_offsets=[-64, 0])
    yield "an unknown dtype", entry(dtype="PICKLE")
    yield "bfloat16", entry(dtype="BF16", shape=[32])
    yield "not JSON", b"{" * 100
    yield "nested too deeply", b'{"a":' * 100_000
    yield "a list", b"[]"


def _of_trees(arrays: dict[str, np.ndarray], one: Callable[..., Make]) -> Iterator[Case]:
    prefix = next((k.removesuffix("left") for k in arrays if k.endswith(".left") and k[0].isdigit()), None)
    if prefix is None:
        return

    def set_at(field: str, value: Callable[[np.ndarray], float], at: int = 0) -> Make:
        def change(a: np.ndarray) -> np.ndarray:
            a = a.copy()
            a[at] = value(a)
            return a

        return one(prefix + field, change)

    inner, last = (int(np.flatnonzero(arrays[prefix + "left"] > 0)[i]) for i in (0, -1))
    for side in ("left", "right"):
        yield f"trees: {side} child beyond the end", set_at(side, lambda a: 2**31 - 1, inner)
        yield f"trees: {side} child just beyond the end", set_at(side, len, inner)
        yield f"trees: {side} child below zero", set_at(side, lambda a: -(2**31), inner)
        yield f"trees: {side} child is the node itself", set_at(side, lambda a: inner, inner)
        yield f"trees: {side} child alone is missing", set_at(side, lambda a: -1, inner)
    yield "trees: a child that is its ancestor", set_at("left", lambda a: 0, last)
    yield "trees: a child in another tree", set_at("right", lambda a: len(a) - 1, inner)
    yield "trees: both children the same", one(prefix + "left", lambda a: arrays[prefix + "right"])
    yield "trees: a feature beyond the end", set_at("feature", lambda a: 2**31 - 1, inner)
    yield "trees: a feature below zero", set_at("feature", lambda a: -(2**31), inner)
    yield "trees: a root beyond the end", set_at("first", lambda a: 2**31 - 1, -1)
    yield "trees: a root below zero", set_at("first", lambda a: -5)
    yield "trees: a class beyond the end", set_at("classes", lambda a: 10**6, -1)
    yield "trees: a class below zero", set_at("classes", lambda a: -1)
    boosted = arrays[prefix + "prior"].size > 0  # then these are no shares
    yield (
        f"{'a number changed: ' if boosted else ''}trees: shares above one",
        one(prefix + "value", lambda a: a * 7 + 1),
    )
    yield "trees: a million roots", one(prefix + "first", lambda a: np.arange(1_000_000, dtype=a.dtype))


def _of_folder(folder: Path, inner: Path) -> Iterator[Case]:
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
        _rewrite(path, text.replace("served_script.py", "evil.py").encode())

    yield "MLmodel that names another script", other_code
    for name in ("evil.py", "python_model.pkl", "code/spikebridge/__init__.py"):
        yield f"planted {name}", plant(name, CODE.encode() if name.endswith(".py") else _pickle())


def _yaml_bomb() -> bytes:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 12)]
    return "\n".join(lines).encode()


@dataclass(frozen=True)
class Outcome:
    """What loading came to. kind: refused (one clear error), loaded, traceback, crash, or hang; said: its words."""

    name: str
    kind: str
    said: str


def outcomes(folder: Path, work: Path, cases: list[Case], load: Callable[[Path], Any] | None = None) -> list[Outcome]:
    """Each case on a copy of the folder below `work`, loaded in a process that may die or hang.

    load: what is done with the copy; default: spikebridge.load, and a prediction of each recording.
    """
    load = load or load_and_predict
    load(folder)  # imports in this process what each child would import by itself
    return [outcome(name, folder, work / f"case{i}", make, load) for i, (name, make) in enumerate(cases)]


def outcome(name: str, folder: Path, copy: Path, make: Make, load: Callable[[Path], Any]) -> Outcome:
    """Copy, change, load; the copy is removed afterwards."""
    marker = copy.with_name(copy.name + ".marker")
    shutil.copytree(folder, copy)
    make(copy)
    try:
        kind, said = in_child(lambda: load(copy), {MARKER: str(marker)})
        if marker.exists():
            kind, said = "executed", said
        return Outcome(name, kind, said)
    finally:
        for path in copy.parent.glob(f"{copy.name}*"):
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()


def load_and_predict(folder: Path) -> str:
    """What the model says of one spike in each bin, for every recording; an AssertionError where that is no number."""
    import spikebridge

    return used(spikebridge.load(folder))


def used(model: Any) -> str:
    """What a loaded model is, after a prediction of each recording that must be a finite number."""
    decides = models.get_class(model.name).decides
    for name, units in model.recordings.items():
        counts = np.ones((2, model.n_bins, len(units["source_units"])))
        said = model.predict(counts, "probabilities" if decides else "target_rates", name)
        assert np.isfinite(said).all() and (not decides or np.allclose(said.sum(axis=1), 1.0)), f"{name}: {said}"
    return repr(model)


def in_child(work: Callable[[], Any], variables: dict[str, str]) -> tuple[str, str]:
    """(kind, what was said) of work done in a forked process with limits on time and memory."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:  # pragma: no cover
        os.close(read)
        os.environ.update(variables)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_AS, (GIBIBYTES * 2**30, GIBIBYTES * 2**30))
        os.write(write, json.dumps(_attempt(work))[:60_000].encode())
        os._exit(0)
    os.close(write)
    try:
        return _result(child, read)
    finally:
        os.close(read)


def _attempt(work: Callable[[], Any]) -> tuple[str, str]:
    from spikebridge.errors import SpikebridgeError

    try:
        return "loaded", str(work())
    except SpikebridgeError as error:
        return "refused", str(error)
    except BaseException as error:
        return "traceback", f"{type(error).__name__}: {error}"[:500]


def _result(child: int, read: int) -> tuple[str, str]:
    raw, end = b"", time.monotonic() + SECONDS
    while time.monotonic() < end:
        if select.select([read], [], [], 0.5)[0]:
            piece = os.read(read, 65536)
            if not piece:
                break
            raw += piece
    else:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        return "hang", f"{SECONDS} s"
    status = os.waitpid(child, 0)[1]
    if os.WIFSIGNALED(status) or not raw:
        return "crash", f"status {status}"
    kind, said = json.loads(raw)
    return kind, said
