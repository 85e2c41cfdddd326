"""The memory that training takes on its device, predicted from shapes before it starts (JAX)."""

import logging
from collections.abc import Sequence

import numpy as np

from disentanglement import engine
from disentanglement.algorithms.model import Model
from disentanglement.wording import counted, size

log = logging.getLogger(__name__)


def announce(models: Sequence[Model], n: int, total: int) -> None:
    """Log how much memory of the device models will take together; warn if it has less.

    On a CPU, and on TensorFlow, which takes memory as it needs it, a single model logs nothing.

    Args:
        models: The models, connected to their data.
        n: The batches of a compiled call.
        total: The batches of a run.
    """
    if engine.NAME != "JAX" or (len(models) == 1 and not engine.has_accelerator()):
        return
    config = models[0].config
    rows = np.zeros((n, config.batch_size), int)
    # The last batches: no algorithm here has larger ones before.
    block, arrays = Model.block(models, [rows] * len(models), max(0, total - n))
    state, data, training = block.memory(*arrays)
    inference = max(engine.inference_memory(network) for network in models[0].networks.values())
    needed = state + data + max(training, inference)
    log.info(
        "%s will take about %s of the device's memory, computed from shapes: %s for weights and "
        "optimisers, %sand at times %s to train or %s to encode or generate images",
        counted(len(models), "run"),
        size(needed),
        size(state),
        f"{size(data)} for the data, " if data else "",  # on a CPU, they are not copied
        size(training),
        size(inference),
    )
    limit = engine.memory_limit()
    if limit and needed > limit:
        fewer = "a smaller --stack or " if len(models) > 1 else ""
        log.warning(
            "that is more than the %s that JAX may take of the device: use %sa smaller batch_size, "
            "or see docs/GPU.md",
            size(limit),
            fewer,
        )
