"""A first look on a laptop CPU: the paper's model on all of dSprites, for a few minutes.

2,000 batches instead of 322,560; the contrastive term sets in after 1,800.
"""

import runpy
from pathlib import Path

config = runpy.run_path(str(Path(__file__).with_name("config.py")))["config"]
config["global_config"] |= {
    **{key: values[0] for key, values in config["test_config"][0].items() if key != "run"},
    "max_batches": 2000,
    "cr_coe_increase_batch": 1800,
    "metric_freq": 600,
    "metric_untrained": True,
}
config["test_config"] = [{"run": [0]}]
