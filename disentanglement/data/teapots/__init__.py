"""3D teapots: rendered by ray casting, and loaded from disk."""
