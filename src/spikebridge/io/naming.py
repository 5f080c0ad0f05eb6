"""Names of the recordings in a folder: their own, and with the folders above them where several are called the same."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

from spikebridge.errors import DataError
from spikebridge.text.keys import name_problem
from spikebridge.text.plain_text import forbidden_character


def unique_names(own: Mapping[Path, str], root: Path) -> dict[Path, str]:
    """Path -> name. Recordings of one name take as many folders above them, up to root, as tell them apart.

    rat1/phy and rat2/phy are rat1_phy and rat2_phy; who shares its name with nobody keeps it. The names depend on where
    the recordings lie alone, not on their order. They are still the same for two in one folder: see `check_names`.
    """
    above = {path: path.relative_to(root).parts[:-1] for path in own}
    taken = dict.fromkeys(own, 0)
    while True:
        names = {p: "_".join([*above[p][len(above[p]) - taken[p] :], own[p]]) for p in own}
        counts = Counter(names.values())
        longer = [p for p in own if counts[names[p]] > 1 and taken[p] < len(above[p])]
        if not longer:
            return names
        taken |= {p: taken[p] + 1 for p in longer}


def check_names(recordings: Iterable[tuple[Path, str]]) -> None:
    """Raises DataError with every name that cannot be used, or is there twice.

    Names that differ in case or Unicode form alone are one name for many file systems and databases.
    """
    by_name: dict[str, tuple[Path, str]] = {}
    wrong = []
    for path, name in recordings:
        alike = unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())
        if said := forbidden_character(name):
            wrong.append(f"{str(path)!r}: the name of a recording must not hold unseen characters; {said}: rename it")
        elif reason := name_problem(name):
            wrong.append(f"{path}: the name of a recording {reason}: rename it")
        elif alike in by_name:
            other, called = by_name[alike]
            if called == name:
                wrong.append(f"two recordings are called {name!r}: {other} and {path}; rename one of them")
            else:
                wrong.append(
                    f"two recordings are called {called!r} and {name!r}, which many file systems take for one name: "
                    f"{other} and {path}; rename one of them"
                )
        by_name[alike] = path, name
    if wrong:
        raise DataError("\n".join(wrong))
