"""Probes of the eg claims: from a task to measurements."""
