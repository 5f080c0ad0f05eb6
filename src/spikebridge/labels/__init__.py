"""The labels of trials and the quality labels of units, as tables and expressions give them."""
