"""Subjects as people write them, untyped, with nothing wrong: whatever `check` fails on here is a false alarm."""
