"""Training: the loop, its callbacks, checkpoints and exact resume."""
