"""Probes of the flash claims: from a task to measurements."""
