"""What is claimed, fixed before any data: the models of the primary tests. All others are yardsticks, and described."""

BASELINE = "majority"
DECIDING = ("seq2seq", "random_forest", "dnn")
"""Tested against the baseline; the first also against the others. One of them becomes champion."""
TRANSLATING = ("seq2seq", "ridge")
"""Tested against the mean rate; the first also against the other.

A longer list costs every test: six recordings reach p = 1/64 at best, and after Holm over three tests 3/64. A fourth
would put 0.05 out of reach. So a model that is added, in the package or by a user, does not enter by itself.
"""
