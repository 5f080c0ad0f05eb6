"""Scores of the latent analyses."""
