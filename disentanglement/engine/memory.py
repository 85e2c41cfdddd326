"""What a compiled block takes of its device's memory."""

from typing import NamedTuple


class Memory(NamedTuple):
    """Bytes on the device, predicted from shapes.

    Attributes:
        state: The variables of all models that train together.
        constants: The data set.
        temporary: What a block takes besides, at its peak, such as the layers' outputs.
    """

    state: int
    constants: int
    temporary: int
