"""A first look on a laptop's CPU: the paper's model on all of CdSprites, for a few minutes.

3,600 batches of 30 instead of 288,000. The contrastive term is switched on after 2,700, as late in
the run as in the paper's.

Results: results/quick/.
"""

import runpy
from pathlib import Path

config = runpy.run_path(str(Path(__file__).with_name("config.py")))["config"]
config["global_config"] |= {
    **{key: values[0] for key, values in config["test_config"][0].items() if key != "run"},
    "max_batches": 3600,
    "cr_coe_increase_batch": 2700,
    "epoch_freq": 50,
    "metric_untrained": True,
}
config["test_config"] = [{"run": [0]}]
config["scheduler_config"]["result_root_folder"] = "results/quick/"
