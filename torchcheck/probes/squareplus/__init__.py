"""Probes of the squareplus claims: from a task to measurements."""
