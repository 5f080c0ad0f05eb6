"""Libraries that models name in `libraries`."""

TORCH = ("torch", "torch._dynamo")
"""torch, and the part of it that the first optimiser of a process loads, in a second."""
