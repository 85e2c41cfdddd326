"""One file per algorithm, each implementing the interface in model.py."""

# Import the engine before Keras: it silences TensorFlow's startup messages.
import disentanglement.engine  # noqa: F401
