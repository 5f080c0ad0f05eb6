"""Which names of regions are hippocampal, which prefrontal: acronyms of the Allen and Paxinos atlases, and words.

A name may carry a hemisphere ("CA1_L"), a prefix (dCA1, rHPC), a layer ("ACAd5", "PL2/3", "MOs6a") or a part ("ORBvl").
"""

from __future__ import annotations

import re

HIPPOCAMPUS, FRONTAL = "hippocampus", "frontal"

WORDS = {
    HIPPOCAMPUS: re.compile(r"hippoc|dentate|subicul|^fieldca\d|^ammon"),
    FRONTAL: re.compile(
        r"prefrontal|prelimbic|infralimbic|anteriorcingul|cingulateanterior|midcingul|orbitofrontal|^orbital"
        r"|frontalpole|secondarymotor|supplementarymotor|^frontalcortex$|^frontal$"
    ),
}
ACRONYMS = {
    HIPPOCAMPUS: re.compile(
        r"[dvirl]?(?:hc|hpc|hip|hipp|hippo|hpf|ca|ca[1-4](?:s[opr]|slm|pyr|or|rad)?|dg(?:mo|po|sg|cr)?|sub|pros)"
    ),
    FRONTAL: re.compile(
        r"(?:[rl]?(?:d|v|m|l|dm|dl|vm|vl)?pfc|[rl]?[lmv]?ofc|prl|pl|il|ila|[rd]?acc|aca[dv]?|cg|orb(?:l|m|v|vl)?|mos|m2"
        r"|fof|frp|fra|alm|(?:pre)?sma|mcc|vo|lo)(?:1|23|2|3|4|5a?|5b|6[ab]?)?"
    ),
}  # fmt: skip
BESIDE = {
    "l",
    "r",
    "lh",
    "rh",
    "left",
    "right",
    "dorsal",
    "ventral",
    "intermediate",
    "area",
    "cortex",
    "region",
    "layer",
}
NOWHERE = {"", "unknown", "none", "nan", "na", "n/a", "null", "void", "root", "unassigned", "?", "-", "brain", "other"}


def part_of_brain(name: str) -> str | None:
    """`HIPPOCAMPUS`, `FRONTAL`, or None for a name of neither."""
    words = re.findall(r"[^\W_]+", name.casefold())
    joined = "".join(words)
    core = "".join(w for w in words if w not in BESIDE) or joined
    for part in (HIPPOCAMPUS, FRONTAL):
        if WORDS[part].search(joined) or ACRONYMS[part].fullmatch(core):
            return part
    return None


def is_place(name: str) -> bool:
    """False for words that say that the region is not known."""
    return name.strip().casefold() not in NOWHERE
