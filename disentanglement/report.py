"""python -m disentanglement.report: see experiments/report/command.py."""

import sys

from disentanglement.experiments.report.command import main

if __name__ == "__main__":
    sys.exit(main())
