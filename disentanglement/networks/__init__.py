"""The networks that several experiments share."""
