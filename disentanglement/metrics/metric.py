"""What the evaluation needs to know of a metric: the arrays it takes."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from disentanglement.metrics import arrays
from disentanglement.metrics.result import PlainResult, Result


@dataclass(frozen=True)
class Metric:
    """A metric function and its arguments.

    Attributes:
        function: Takes the arrays by name and returns a `Result` or a number.
        arrays: The names of the arrays it takes (see `disentanglement.metrics`).
        takes_seed: Whether it draws random numbers, and so takes a `seed`.
    """

    function: Callable[..., Result | float]
    arrays: tuple[str, ...]
    takes_seed: bool

    @classmethod
    def of(cls, function: Callable[..., Result | float]) -> "Metric":
        """Read a metric's arguments from its signature.

        Parameters without a default value must be arrays that `disentanglement.metrics` lists;
        a parameter `seed` gets the evaluation's seed; other parameters keep their default.

        Raises:
            ArrayError: A parameter is not the name of an array.
        """
        parameters = inspect.signature(function).parameters.values()
        names = tuple(p.name for p in parameters if p.default is p.empty)
        for name in names:
            if name not in arrays.NAMES:
                title = getattr(function, "__name__", "a metric")
                raise arrays.ArrayError(
                    f"{title} takes '{name}', but metrics can take only "
                    f"{', '.join(arrays.NAMES)}: rename the parameter or give it a default"
                )
        return cls(function, names, "seed" in (p.name for p in parameters))

    def compute(self, given: Mapping[str, np.ndarray], seed: int) -> Result:
        """Run the metric on the arrays it takes. Raises ArrayError if they do not fit."""
        arguments = {name: given[name] for name in self.arrays}
        if self.takes_seed:
            result = self.function(**arguments, seed=seed)
        else:
            result = self.function(**arguments)
        return result if isinstance(result, Result) else PlainResult(float(result))
