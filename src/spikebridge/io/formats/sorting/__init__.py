"""Parts of the readers of spike sorter output."""
