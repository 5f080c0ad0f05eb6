"""Parts of the reader of the Frank and Jadhav labs' layout."""
