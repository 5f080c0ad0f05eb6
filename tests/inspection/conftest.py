"""The fixture `inspected`: recordings in memory, inspected."""

from memory_sessions import inspected

__all__ = ["inspected"]
