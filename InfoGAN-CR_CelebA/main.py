"""Train every run of the grid in config.py (see README.md; --help lists the options)."""

import sys

from disentanglement import cli
from experiment import EXPERIMENT

if __name__ == "__main__":
    sys.exit(cli.main(EXPERIMENT))
