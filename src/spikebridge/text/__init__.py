"""Names and text of a user, made safe for tables, Markdown, MLflow and file names."""
