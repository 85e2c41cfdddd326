"""python -m disentanglement.explore: see experiments/explore.py."""

import sys

from disentanglement.experiments.explore import main

if __name__ == "__main__":
    sys.exit(main())
