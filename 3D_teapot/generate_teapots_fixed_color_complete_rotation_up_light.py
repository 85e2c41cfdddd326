"""A blue teapot in any orientation, lit from above.

To be run with --out DIR; --help lists the options.
"""

import sys

from disentanglement.data.teapots.command import main
from disentanglement.data.teapots.variants import FIXED_COLOR

if __name__ == "__main__":
    sys.exit(main(FIXED_COLOR))
