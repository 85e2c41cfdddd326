"""The command `python -m disentanglement.data`."""

import sys

from disentanglement.data.own.command import main

if __name__ == "__main__":
    sys.exit(main())
