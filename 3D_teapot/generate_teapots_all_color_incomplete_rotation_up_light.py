"""Teapots of any colour, turned about their axis, seen from the side to the top, lit from above.

Writes a folder beside this script, named after the variant; --help lists the options.
"""

import sys
from pathlib import Path

from disentanglement.data.teapots.command import main
from disentanglement.data.teapots.variants import ALL_COLOR

if __name__ == "__main__":
    sys.exit(main(ALL_COLOR, Path(__file__).parent))
