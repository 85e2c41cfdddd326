"""Data sets, a folder each: what training and metrics see of them, and how they are made."""
