"""Teapots of any colour, turned about their axis, seen from the side to the top, lit from above.

Run it with --out DIR; --help lists all options.
"""

import sys

from disentanglement.data.teapots.command import main
from disentanglement.data.teapots.variants import ALL_COLOR

if __name__ == "__main__":
    sys.exit(main(ALL_COLOR))
