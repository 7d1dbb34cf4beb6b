"""Probes of the residual claims: from a task to measurements."""
