"""A metric function together with the arrays that it takes."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from disentanglement.metrics.arrays import NAMES, ArrayError
from disentanglement.metrics.result import PlainResult, Result

# Takes arrays by their names and returns its result.
MetricFunction = Callable[..., Result | float]
# Called with how many steps have been done since the last call, and how many there are in all.
Progress = Callable[[int, int], object]


def no_progress(done: int, total: int) -> None:
    """Do nothing: nobody watches."""


@dataclass(frozen=True)
class Metric:
    """A metric function and what it takes.

    Attributes:
        function: Takes the arrays by name and returns a `Result` or a number.
        arrays: The names of the arrays it takes (see `disentanglement.metrics`).
        takes_seed: Whether it draws random numbers and so has a parameter `seed`.
        takes_progress: Whether it takes long and so has a parameter `progress`, a `Progress`.
    """

    function: MetricFunction
    arrays: tuple[str, ...]
    takes_seed: bool
    takes_progress: bool = False

    @classmethod
    def of(cls, function: MetricFunction) -> "Metric":
        """Read from a function's signature which arrays it takes.

        Every parameter without a default must be the name of an array in
        `disentanglement.metrics`. A parameter `seed` gets the evaluation's seed, and a
        parameter `progress` a `Progress`; all other parameters keep their defaults.

        Raises:
            ArrayError: A parameter without a default is not the name of an array.
        """
        parameters = inspect.signature(function).parameters
        names = tuple(name for name, p in parameters.items() if p.default is p.empty)
        for name in names:
            if name not in NAMES:
                title = getattr(function, "__name__", "a metric")
                raise ArrayError(
                    f"{title} takes '{name}', but the arrays that metrics can take are "
                    f"{', '.join(NAMES)}: rename the parameter or give it a default"
                )
        return cls(function, names, "seed" in parameters, "progress" in parameters)

    def compute(
        self, arrays: Mapping[str, np.ndarray], seed: int, progress: Progress = no_progress
    ) -> Result:
        """Run the metric on those of `arrays` that it takes.

        Raises:
            ArrayError: The arrays cannot be used.
        """
        arguments: dict[str, Any] = {name: arrays[name] for name in self.arrays}
        if self.takes_seed:
            arguments["seed"] = seed
        if self.takes_progress:
            arguments["progress"] = progress
        result = self.function(**arguments)
        return result if isinstance(result, Result) else PlainResult(float(result))
