"""3D teapots: drawn by ray casting, and read back."""
