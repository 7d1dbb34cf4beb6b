"""Activations: what a sound one has."""
