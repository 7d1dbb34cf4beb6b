"""Trusted: the language, balls, certificates and their checkers."""
