"""CdSprites: a disc at 40 angles and 27 distances from the centre of the image."""
