"""Scoring: encode the images once, run every metric, keep records, make tables and pictures."""
