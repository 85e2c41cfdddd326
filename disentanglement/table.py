"""python -m disentanglement.table: see evaluation/table.py."""

import sys

from disentanglement.evaluation.table import main

if __name__ == "__main__":
    sys.exit(main())
