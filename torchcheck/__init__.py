"""Runs real torch modules and measures them; knows no theory and imports only torch, numpy and scipy."""
