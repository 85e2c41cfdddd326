"""Loading experiments, expanding their grids, dispatching runs, and the command lines."""
