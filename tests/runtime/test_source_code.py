"""Which files a module reaches, and the digest of code that results depend on."""

from __future__ import annotations

from pathlib import Path

import pytest

from spikebridge.runtime import hashing
from spikebridge.runtime.source_code import OWN, SourceTree, own_source

FILES = {
    "__init__.py": "def load():\n    from toy.late import x\n",
    "a.py": "from toy.b import f\nfrom toy.errors import Wrong\n",
    "b.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from toy.only_types import T\n"
    "def f():\n    from .lazy import g\n",
    "lazy.py": "",
    "late.py": "",
    "only_types.py": "",
    "errors/__init__.py": "",
    "kinds/__init__.py": "import importlib\ndef kind(name):\n    importlib.import_module(f'{__name__}.{name}')\n",
    "kinds/one.py": "from toy.kinds.shared import s\n",
    "kinds/two/__init__.py": "from toy.kinds.two.part import p\n",
    "kinds/two/part.py": "",
    "kinds/shared.py": "",
    "face/__init__.py": '"""A face."""\nfrom toy.face.f import g as h\nfrom .k import k\n__all__ = ["h", "k"]\n',
    "face/f.py": "from toy.late import x\n",
    "face/k.py": "",
    "room/__init__.py": "from toy.face import k\nK = k\n",
    "room/part.py": "",
    "takes_one.py": "from toy.face import h\n",
    "takes_all.py": "from toy import face\n",
    "takes_part.py": "from toy.room import part\n",
}


@pytest.fixture
def toy(tmp_path: Path) -> SourceTree:
    for name, text in FILES.items():
        path = tmp_path / "toy" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return SourceTree(tmp_path / "toy")


def reached(toy: SourceTree, *entries: str | Path, **options: list[str]) -> list[str]:
    return sorted(p.relative_to(toy.package).as_posix() for p in toy.reached(entries, **options))


def test_lazy_imports_count_and_those_for_types_do_not(toy: SourceTree) -> None:
    assert reached(toy, "toy.a") == ["a.py", "b.py", "lazy.py"]


def test_an_unknown_entry_is_refused(toy: SourceTree) -> None:
    with pytest.raises(ValueError, match=r"expected modules of toy, got toy\.gone"):
        toy.reached(["toy.a", "toy.gone"])


def test_wording_counts_where_it_is_asked_for(toy: SourceTree) -> None:
    assert reached(toy, "toy.a", without=[]) == ["a.py", "b.py", "errors/__init__.py", "lazy.py"]


def test_of_a_registry_the_named_members_count(toy: SourceTree) -> None:
    two = ["kinds/__init__.py", "kinds/two/__init__.py", "kinds/two/part.py"]
    assert reached(toy, "toy.kinds", names=["one"]) == ["kinds/__init__.py", "kinds/one.py", "kinds/shared.py"]
    assert reached(toy, "toy.kinds", names=["two"]) == two
    assert len(reached(toy, "toy.kinds", names=["none of them"])) == 5


def test_an_init_that_only_hands_on_names_stands_for_the_module_that_makes_them(toy: SourceTree) -> None:
    assert reached(toy, "toy.takes_one") == ["face/f.py", "late.py", "takes_one.py"]
    assert reached(toy, "toy.takes_all") == ["face/__init__.py", "face/f.py", "face/k.py", "late.py", "takes_all.py"]
    assert reached(toy, "toy.face.k") == ["face/k.py"]


def test_an_init_that_computes_counts_with_its_imports(toy: SourceTree) -> None:
    assert reached(toy, "toy.takes_part") == ["face/k.py", "room/__init__.py", "room/part.py", "takes_part.py"]


def test_a_script_is_an_entry_and_no_part_of_the_answer(toy: SourceTree, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text("from toy import a\n")
    assert reached(toy, script) == ["a.py", "b.py", "lazy.py"]


def rooms(*modules: str) -> set[str]:
    return {path.relative_to(OWN).parts[0] for path in own_source().reached(modules)}


def test_what_is_ingested_depends_on_every_reader_and_on_no_model() -> None:
    files = own_source().reached(["spikebridge.io.ingest"])
    assert files >= set((OWN / "io" / "readers").glob("*.py")) - {OWN / "io" / "readers" / "__init__.py"}
    assert not rooms("spikebridge.io.ingest") & {"errors", "figures", "fitting", "models", "tracking", "evaluation"}


def test_what_windows_hold_depends_on_no_reader() -> None:
    used_rooms = rooms("spikebridge.preprocess.run")
    assert {"preprocess", "types", "config", "expressions"} <= used_rooms
    assert not used_rooms & {"errors", "figures", "fitting", "models", "io"}


def test_a_simulated_study_depends_on_no_figure_and_no_reader() -> None:
    used_rooms = rooms("spikebridge.calibration.study")
    assert {"calibration", "evaluation", "models", "statistics"} <= used_rooms
    assert not used_rooms & {"cli", "errors", "figures", "gates", "inspection", "tracking"}
    assert OWN / "calibration" / "page.py" not in own_source().reached(["spikebridge.calibration.study"])


def test_the_digest_follows_the_code_that_counts(toy: SourceTree, monkeypatch: pytest.MonkeyPatch) -> None:
    def now(*modules: str) -> str:
        monkeypatch.setattr(hashing, "own_source", lambda: SourceTree(toy.package))
        monkeypatch.setattr(hashing, "OWN", toy.package)
        return hashing.source_hash(*modules)

    before = now("toy.a"), now()
    (toy.package / "late.py").write_text("x = 1\n")
    assert now("toy.a") == before[0]
    assert now() != before[1]
    (toy.package / "errors" / "__init__.py").write_text("class Wrong(Exception): pass\n")
    after = now("toy.a"), now()
    (toy.package / "errors" / "__init__.py").write_text("class Wrong(Exception): '''more'''\n")
    assert (now("toy.a"), now()) == after
    (toy.package / "lazy.py").write_text("g = 1\n")
    assert now("toy.a") != before[0]
