"""Imported by the fork server of scaleproof.check.isolation, and by nothing else: torch, loaded once, and silence.

Importing it sends this process's standard streams nowhere, so that nothing a subject prints reaches the terminal.
"""

import os

import torchcheck.properties.checks  # noqa: F401

for stream in (0, 1, 2):
    os.dup2(os.open(os.devnull, os.O_RDWR), stream)
