"""Probes of the gau claims: from a task to measurements."""
