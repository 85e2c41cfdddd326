"""CelebA: prepared from its archive, or replaced by drawn faces."""
