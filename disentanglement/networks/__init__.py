"""Layers, the paper's networks, and networks that describe images."""

# Before anything imports Keras: the engine holds back TensorFlow's greetings.
import disentanglement.engine  # noqa: F401
