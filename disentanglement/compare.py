"""python -m disentanglement.compare: see experiments/comparison.py."""

import sys

from disentanglement.experiments.comparison import main

if __name__ == "__main__":
    sys.exit(main())
