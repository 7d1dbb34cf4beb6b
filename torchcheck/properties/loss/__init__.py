"""Losses: what a sound one has."""
