"""Pictures of the user's own: prepared from a folder or a file, and read for training."""
