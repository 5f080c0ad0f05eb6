"""Recordings and windows made to order, without files."""

from window_fixtures import *  # noqa: F403
