"""dSprites: read from the official file, or drawn again bit for bit."""
