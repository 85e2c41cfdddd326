"""Experiments: load their folders, expand their grids, dispatch their runs; the command lines."""
