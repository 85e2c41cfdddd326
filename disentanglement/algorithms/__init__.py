"""One file per algorithm, each implementing the interface in model.py."""

# Before anything imports Keras: the engine silences TensorFlow's startup messages.
import disentanglement.engine  # noqa: F401
