"""Tables as CSV, TSV and Parquet files. A value is never guessed: what does not fit is an error with its row."""

from spikebridge.io.formats.table.columns import as_integers, read_table, table_header
from spikebridge.io.formats.table.recording_tables import TimeUnit

__all__ = ["TimeUnit", "as_integers", "read_table", "table_header"]
