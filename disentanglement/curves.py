"""python -m disentanglement.curves: see evaluation/curves.py."""

import sys

from disentanglement.evaluation.curves import main

if __name__ == "__main__":
    sys.exit(main())
