"""Files on disk, one module a kind: its record, writer, reader and check."""
