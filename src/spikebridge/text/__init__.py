"""Names and text of a user, made safe for tables, Markdown, MLflow and file names."""

from spikebridge.text.keys import name_problem, original_name, safe_key, safe_path, shortened_key
from spikebridge.text.plain_text import code_span, escape_markdown, forbidden_character, read_csv, write_csv

__all__ = [
    "code_span",
    "escape_markdown",
    "forbidden_character",
    "name_problem",
    "original_name",
    "read_csv",
    "safe_key",
    "safe_path",
    "shortened_key",
    "write_csv",
]
