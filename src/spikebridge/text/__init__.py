"""Names and text of a user, made safe for tables, Markdown, MLflow and file names.

Import from the modules: a stage that writes tables alone does not depend on the names that MLflow takes.
"""
