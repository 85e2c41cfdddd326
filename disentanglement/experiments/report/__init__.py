"""A page about all runs of a folder: one HTML file that needs no server and no network."""
