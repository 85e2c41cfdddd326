"""Trained models, ready to use; the command lists them. See experiments/pretrained.py."""

import sys

from disentanglement.experiments.pretrained import Pretrained, load, main, names

list = names

__all__ = ["Pretrained", "list", "load", "names"]

if __name__ == "__main__":
    sys.exit(main())
