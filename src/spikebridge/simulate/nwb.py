"""Write a simulated session as an NWB file; the same session gives the same content."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from spikebridge.simulate.processes import STEP_S
from spikebridge.simulate.session import Session

STARTED = datetime(2026, 1, 1, tzinfo=UTC)
BEHAVIOR_STEP = 5  # in steps of the simulation: 50 ms


def write_nwb(session: Session, path: Path) -> None:
    """Write spikes, units with regions, trials, position, speed and an observed gate as an NWB file; seconds.

    Parameters
    ----------
    session : Session
        A simulated recording.
    path : Path
        The file.
    """
    from pynwb import NWBHDF5IO, NWBFile, TimeSeries
    from pynwb.behavior import Position
    from pynwb.file import Subject

    nwb = NWBFile(
        session_description="simulated foraging (Restaurant Row), spikebridge",
        identifier=session.name,
        session_start_time=STARTED,
        file_create_date=STARTED,
        subject=Subject(subject_id=session.animal, species="Rattus norvegicus", age="P1Y", sex="U"),
    )
    nwb.add_unit_column("region", "brain region")
    whole = np.array([[0.0, session.time_s[-1] + STEP_S]])
    for unit, (times, region) in enumerate(zip(session.spikes, session.regions, strict=True)):
        nwb.add_unit(spike_times=times, obs_intervals=whole, region=region, id=unit)
    for column in session.trials.columns.drop(["start_time", "stop_time"]):
        nwb.add_trial_column(column, column.replace("_", " "))
    for row in session.trials.to_dict("records"):
        nwb.add_trial(**row)

    behavior = nwb.create_processing_module("behavior", "where the rat is")
    clock = {"starting_time": 0.0, "rate": 1 / (BEHAVIOR_STEP * (session.time_s[1] - session.time_s[0]))}
    position = Position(name="Position")
    position.create_spatial_series(
        name="position",
        data=session.position_m[::BEHAVIOR_STEP],
        reference_frame="centre of the loop",
        unit="m",
        **clock,
    )
    behavior.add(position)
    behavior.add(TimeSeries(name="speed", data=session.speed_m_s[::BEHAVIOR_STEP], unit="m/s", **clock))
    if session.gate is not None:
        behavior.add(TimeSeries(name="gate", data=session.gate[::BEHAVIOR_STEP], unit="open", **clock))
    _fix_ids(nwb, session.name)
    with NWBHDF5IO(str(path), "w") as io:
        io.write(nwb)


def _fix_ids(nwb: object, name: str) -> None:
    """Set fixed object ids. Random ids would change the file hash in every run of the simulation."""
    for number, container in enumerate(nwb.all_children()):  # type: ignore[attr-defined]
        container._AbstractContainer__object_id = str(uuid.uuid5(uuid.NAMESPACE_OID, f"{name}/{number}"))
