"""One run without a scheduler: this experiment's networks, data and metrics, put together.

From Python: train(config, work_dir). As a command: python gan/infogan_cr.py --work-dir DIR
"""

import functools
import sys
from pathlib import Path

if not __package__:  # started as a script: make the experiment's folder the root of imports
    sys.path[0] = str(Path(__file__).resolve().parents[1])
    __package__ = "gan"

from disentanglement import cli, infogan_cr
from disentanglement.work import Work

from . import load_data, metric, network

build = functools.partial(infogan_cr.build, network)  # config -> untrained model
_work = Work(build, load_data, metric)
train, train_stack, score = _work.train, _work.train_stack, _work.score

if __name__ == "__main__":
    from experiment import EXPERIMENT

    sys.exit(cli.task(EXPERIMENT))
