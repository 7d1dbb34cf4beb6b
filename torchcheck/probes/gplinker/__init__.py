"""Probes of the gplinker claims: from a task to measurements."""
