"""Optimizers: what a sound one has."""
