"""Certified constants of functions of one real variable, from their traced graphs."""
