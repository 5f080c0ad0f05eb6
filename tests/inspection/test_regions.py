from __future__ import annotations

import pytest

from spikebridge.inspection.regions import FRONTAL, HIPPOCAMPUS, brain_division, is_region_name

NAMES = {
    HIPPOCAMPUS: [
        *("HC", "HPC", "CA1", "CA2", "CA3", "DG", "SUB", "dCA1", "vCA1", "hippocampus", "CA1_L", "ca1 ", "CA-1"),
        *("right hippocampus", "Field CA1", "Dentate gyrus, granule cell layer", "Subiculum", "rHPC", "DG-mo", "ProS"),
        *("hippocampus_left", "Ammon's horn", "CA1sp"),
    ],
    FRONTAL: [
        *("PFC", "mPFC", "PL", "ILA", "IL", "ACA", "ACC", "ORB", "ORBl", "ORBvl", "MOs", "OFC", "FRP", "M2", "dmPFC"),
        *("ACAd5", "PL2/3", "MOs5", "MOs6a", "PL 2/3", "ORBvl6b", "FRP1", "PrL", "Cg1", "PFC_R", "left OFC", "preSMA"),
        *("Prelimbic area, layer 5", "Anterior cingulate area, dorsal part", "Secondary motor area, layer 1"),
        *("dorsal_anterior_cingulate_cortex_left", "ventral_medial_prefrontal_cortex_right"),
        *("pre_supplementary_motor_area_right", "Orbital area, lateral part", "Prefrontal cortex"),
    ],
    None: [
        *("VISp", "LS", "root", "", "MD", "LGd", "MOp", "SSp", "amygdala_left", "RSP", "ENT", "V1", "CP", "shank0"),
        *("posterior cingulate", "Primary motor area", "OLF", "TH", "good", "unknown", "ORB-like thing", "23"),
    ],
}


@pytest.mark.parametrize(("part", "name"), [(part, name) for part, names in NAMES.items() for name in names])
def test_names(part: str | None, name: str) -> None:
    assert brain_division(name) == part


def test_words_for_nowhere_are_no_places() -> None:
    assert [is_region_name(n) for n in ("", " Unknown", "root", "nan", "CA1", "0")] == [False] * 4 + [True] * 2
