"""A blue teapot in any orientation, lit from any direction.

Run it with --out DIR; --help lists all options.
"""

import sys

from disentanglement.data.teapots.command import main
from disentanglement.data.teapots.variants import UNIFORM_LIGHT

if __name__ == "__main__":
    sys.exit(main(UNIFORM_LIGHT))
