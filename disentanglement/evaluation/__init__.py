"""Score encoders and trained runs: encode images once, run metrics, keep records, make tables."""
