"""The fixture `found`: recordings in memory, inspected."""

from memory_sessions import found

__all__ = ["found"]
