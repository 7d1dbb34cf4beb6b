"""Layers, attention, blocks and models: what a sound one has."""
