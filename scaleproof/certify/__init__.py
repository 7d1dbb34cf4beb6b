"""Certificates for the claims, and the small checkers that replay them; no torch."""
