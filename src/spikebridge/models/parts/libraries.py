"""Libraries that models name in `libraries`."""

TORCH = ("torch",)
