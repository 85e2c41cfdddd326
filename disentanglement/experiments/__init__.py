"""Loads experiments, expands their grids and dispatches their runs; the command lines."""
