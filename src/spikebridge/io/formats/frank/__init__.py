"""Days in the cell-array layout of the Frank and Jadhav labs."""

from spikebridge.io.formats.frank.files import DaySession, belongs_to_layout, day_session, is_spikes_file, is_stray_file
from spikebridge.io.formats.frank.write import write_day

__all__ = ["DaySession", "belongs_to_layout", "day_session", "is_spikes_file", "is_stray_file", "write_day"]
