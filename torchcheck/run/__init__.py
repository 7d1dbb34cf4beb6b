"""Torch's state, executors, subjects, and the worker for another machine."""
