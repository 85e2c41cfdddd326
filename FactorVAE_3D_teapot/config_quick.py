"""A first look on a laptop CPU: the paper's model on 20,000 teapots, which it draws first.

3,000 batches of 64 instead of 109,375; one weight, one run.
"""

import runpy
from pathlib import Path

config = runpy.run_path(str(Path(__file__).with_name("config.py")))["config"]
config["global_config"] |= {
    "max_batches": 3000,
    "metric_freq": 500,
    "metric_untrained": True,
    "data_dir": "../data/3Dpots_quick",
    "generate": 20000,
}
config["test_config"] = [{"tc_coe": [10.0], "run": [0]}]
