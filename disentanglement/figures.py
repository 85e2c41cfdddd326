"""The command `python -m disentanglement.figures`; see experiments/figures.py."""

import sys

from disentanglement.experiments.figures import main

if __name__ == "__main__":
    sys.exit(main())
