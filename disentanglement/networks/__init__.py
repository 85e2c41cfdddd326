"""Layers, the paper's networks, and networks that describe images."""

# Import the engine before Keras: it silences TensorFlow's startup messages.
import disentanglement.engine  # noqa: F401
