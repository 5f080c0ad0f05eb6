"""Parts of the reader of counts in bins."""
