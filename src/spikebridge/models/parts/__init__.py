"""Base classes, estimators and file formats that several models share. A model imports only those that it needs."""
