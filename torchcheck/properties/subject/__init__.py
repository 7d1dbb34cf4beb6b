"""The subject of a check: loaded, told by its kind, built at a size, filled with inputs and called."""
