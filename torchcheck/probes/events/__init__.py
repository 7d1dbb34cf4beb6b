"""Probes of the events claims: from a task to measurements."""
