"""Changed contents of the files of a saved model: JSON, model.json, arrays and trees, each a case of tampering."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file, save_file

Make = Callable[[Path], None]
Case = tuple[str, Make]
BLIND = ("majority", "mean_rate", "psth")
"""Models that do not look at the source: with other units they are true models still."""


def rewrite(path: Path, raw: bytes) -> None:
    path.unlink()
    path.write_bytes(raw)


def json_cases(path: Path, name: str) -> Iterator[Case]:
    content = json.loads(path.read_text(encoding="utf-8"))

    def text(new_content: str | bytes) -> Make:
        raw = new_content.encode() if isinstance(new_content, str) else new_content
        return lambda copy: rewrite(copy / name, raw)

    short = Path(name).name
    prefix = short if short == "served.json" else "JSON"  # nothing is predicted from served.json
    for new_content, what in (
        ("[]", "a list"),
        ("null", "null"),
        ("3", "a number"),
        ('"text"', "a string"),
        ("{}", "nothing"),
    ):
        yield f"{short if new_content == '{}' else 'JSON'} {what}", text(new_content)
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


def model_json_cases(inner: Path, folder: Path) -> Iterator[Case]:
    path = inner / "model.json"
    name = path.relative_to(folder).as_posix()
    about = json.loads(path.read_text(encoding="utf-8"))
    first, params = next(iter(about["recordings"])), about["params"]

    def put(**changes: Any) -> Make:
        return lambda copy: rewrite(copy / name, json.dumps(about | changes).encode())

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


def array_cases(path: Path, name: str, most: int = 24) -> Iterator[Case]:
    arrays = load_file(path)
    chosen = list(arrays)[:: max(1, len(arrays) // most)]

    def put(change: Callable[[dict[str, np.ndarray]], Any]) -> Make:
        def make(copy: Path) -> None:
            held = {k: a.copy() for k, a in load_file(copy / name).items()}
            change(held)
            (copy / name).unlink()
            save_file(held, copy / name)

        return make

    def changed_array(key: str, change: Callable[[np.ndarray], np.ndarray]) -> Make:
        return put(lambda held: held.update({key: np.asarray(change(held[key]), order="C")}))

    def filled(value: float) -> Callable[[np.ndarray], np.ndarray]:
        def change(a: np.ndarray) -> np.ndarray:
            a = a.copy()
            a.reshape(-1)[:1] = value
            return a

        return change

    for key in chosen:
        if arrays[key].dtype.kind == "f" and arrays[key].size:
            yield f"{key} with NaN", changed_array(key, filled(np.nan))
            yield f"{key} with inf", changed_array(key, filled(-np.inf))
        yield f"{key} as integers", changed_array(key, lambda a: np.nan_to_num(a).astype(np.int16))
        yield f"{key} in half precision", changed_array(key, lambda a: a.astype(np.float16))
        yield f"{key} missing", put(lambda held, key=key: held.pop(key))
        yield f"{key} with an axis more", changed_array(key, lambda a: a[None])
        if arrays[key].size:
            yield (
                f"{key} one longer",
                changed_array(key, lambda a: np.concatenate([np.atleast_1d(a), np.atleast_1d(a)[:1]])),
            )
            yield f"{key} empty", changed_array(key, lambda a: a.reshape(-1)[:0])
    yield "one array more", put(lambda held: held.update({"more": np.zeros(3)}))
    yield "no array", put(lambda held: held.clear())
    yield from _of_trees(arrays, changed_array)
    for what, header in _headers(arrays):
        raw = struct.pack("<Q", len(header)) + header + b"\0" * 64
        yield f"header: {what}", lambda copy, raw=raw: rewrite(copy / name, raw)
    huge = struct.pack("<Q", 2**62) + path.read_bytes()[8:]
    yield "header: its length huge", lambda copy: rewrite(copy / name, huge)


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


def _of_trees(arrays: dict[str, np.ndarray], changed_array: Callable[..., Make]) -> Iterator[Case]:
    prefix = next((k.removesuffix("left") for k in arrays if k.endswith(".left") and k[0].isdigit()), None)
    if prefix is None:
        return

    def set_at(field: str, value: Callable[[np.ndarray], float], at: int = 0) -> Make:
        def change(a: np.ndarray) -> np.ndarray:
            a = a.copy()
            a[at] = value(a)
            return a

        return changed_array(prefix + field, change)

    inner, last = (int(np.flatnonzero(arrays[prefix + "left"] > 0)[i]) for i in (0, -1))
    for side in ("left", "right"):
        yield f"trees: {side} child beyond the end", set_at(side, lambda a: 2**31 - 1, inner)
        yield f"trees: {side} child just beyond the end", set_at(side, len, inner)
        yield f"trees: {side} child below zero", set_at(side, lambda a: -(2**31), inner)
        yield f"trees: {side} child is the node itself", set_at(side, lambda a: inner, inner)
        yield f"trees: {side} child alone is missing", set_at(side, lambda a: -1, inner)
    yield "trees: a child that is its ancestor", set_at("left", lambda a: 0, last)
    yield "trees: a child in another tree", set_at("right", lambda a: len(a) - 1, inner)
    yield "trees: both children the same", changed_array(prefix + "left", lambda a: arrays[prefix + "right"])
    yield "trees: a feature beyond the end", set_at("feature", lambda a: 2**31 - 1, inner)
    yield "trees: a feature below zero", set_at("feature", lambda a: -(2**31), inner)
    yield "trees: a root beyond the end", set_at("first", lambda a: 2**31 - 1, -1)
    yield "trees: a root below zero", set_at("first", lambda a: -5)
    yield "trees: a class beyond the end", set_at("classes", lambda a: 10**6, -1)
    yield "trees: a class below zero", set_at("classes", lambda a: -1)
    boosted = arrays[prefix + "prior"].size > 0  # then these are no shares
    yield (
        f"{'a number changed: ' if boosted else ''}trees: shares above one",
        changed_array(prefix + "value", lambda a: a * 7 + 1),
    )
    yield "trees: a million roots", changed_array(prefix + "first", lambda a: np.arange(1_000_000, dtype=a.dtype))
