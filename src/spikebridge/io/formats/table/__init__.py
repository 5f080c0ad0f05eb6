"""Parts of the readers of plain tables."""
