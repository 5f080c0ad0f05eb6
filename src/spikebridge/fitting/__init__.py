"""Tuning, training and adapting models: everything that fits a whole model over the folds."""
