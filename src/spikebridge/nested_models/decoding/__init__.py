"""Nested models of a decision: from the task alone to the shared latents."""
