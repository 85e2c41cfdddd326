"""Algorithms: a file each, on the interface of model.py."""

# Before anything imports Keras: the engine holds back TensorFlow's greetings.
import disentanglement.engine  # noqa: F401
