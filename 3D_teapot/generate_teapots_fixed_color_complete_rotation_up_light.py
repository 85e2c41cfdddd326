"""A blue teapot in any orientation, lit from above.

Run it with --out DIR; --help lists all options.
"""

import sys

from disentanglement.data.teapots.command import main
from disentanglement.data.teapots.variants import FIXED_COLOR

if __name__ == "__main__":
    sys.exit(main(FIXED_COLOR))
