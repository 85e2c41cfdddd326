"""The command `python -m disentanglement.reproduce`; see experiments/reproduce.py."""

import sys

from disentanglement.experiments.reproduce import main

if __name__ == "__main__":
    sys.exit(main())
