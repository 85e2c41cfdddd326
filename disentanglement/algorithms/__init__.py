"""The algorithms, one file each, on the interface of model.py."""

# Before anything imports Keras: the engine silences TensorFlow's startup messages.
import disentanglement.engine  # noqa: F401
