"""dSprites: read from the official file, or rendered bit for bit."""
