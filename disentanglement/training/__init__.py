"""The training loop, its callbacks, checkpoints and exact resume."""
