"""Gradients with the backend that runs the tests."""

import numpy as np

from disentanglement import engine


def gradients(function, *arrays) -> list[np.ndarray]:
    """Return the gradients of a scalar function of tensors at the given arrays, in float32."""
    arrays = [np.asarray(array, np.float32) for array in arrays]
    if engine.NAME == "JAX":
        import jax

        found = jax.grad(function, argnums=tuple(range(len(arrays))))(
            *map(jax.numpy.asarray, arrays)
        )
    else:
        import tensorflow as tf

        tensors = [tf.constant(array) for array in arrays]
        with tf.GradientTape() as tape:
            for tensor in tensors:
                tape.watch(tensor)
            value = function(*tensors)
        found = tape.gradient(value, tensors)
    return [np.asarray(gradient) for gradient in found]
