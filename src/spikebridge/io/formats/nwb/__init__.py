"""Parts of the NWB readers: from an open file to Contents, and back."""
