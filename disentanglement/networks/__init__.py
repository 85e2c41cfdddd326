"""Layers, the paper's networks, and networks that describe images."""

# Before anything imports Keras: the engine silences TensorFlow's startup messages.
import disentanglement.engine  # noqa: F401
