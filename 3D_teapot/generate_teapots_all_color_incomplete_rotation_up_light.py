"""Teapots of any colour that turn about their axis, seen from the side to above, lit from above.

To be run with --out DIR; --help lists the options.
"""

import sys

from disentanglement.data.teapots.command import main
from disentanglement.data.teapots.variants import ALL_COLOR

if __name__ == "__main__":
    sys.exit(main(ALL_COLOR))
