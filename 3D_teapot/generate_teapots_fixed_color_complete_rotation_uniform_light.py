"""A blue teapot in any orientation, lit from any direction.

Writes a folder beside this script, named after the variant; --help lists the options.
"""

import sys
from pathlib import Path

from disentanglement.data.teapots.command import main
from disentanglement.data.teapots.variants import UNIFORM_LIGHT

if __name__ == "__main__":
    sys.exit(main(UNIFORM_LIGHT, Path(__file__).parent))
