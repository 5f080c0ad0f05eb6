"""Parts of the reader of ALF sessions."""
