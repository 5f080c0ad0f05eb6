"""Sessions in the ALF format of the International Brain Laboratory (IBL)."""

from spikebridge.io.formats.alf.files import AlfSession, alf_files, find_session
from spikebridge.io.formats.alf.tables import behavior_series, interval_tables
from spikebridge.io.formats.alf.units import read_probe

__all__ = ["AlfSession", "alf_files", "behavior_series", "find_session", "interval_tables", "read_probe"]
