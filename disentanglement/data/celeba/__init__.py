"""CelebA: prepared from its archive, or replaced by rendered stand-in faces."""
