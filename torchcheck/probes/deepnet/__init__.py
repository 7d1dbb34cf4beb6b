"""Probes of the deepnet claims: from a task to measurements."""
