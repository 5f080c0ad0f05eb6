"""Tuning, training and adapting: the code that fits a whole model in every fold."""
