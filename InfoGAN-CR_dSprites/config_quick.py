"""A first look on a laptop's CPU: the paper's model on all of dSprites, for a few minutes.

3,000 batches of 32 instead of 322,560 of 64. The contrastive term is switched on after 2,700.

Expect a FactorVAE metric of 0.39 to 0.50 (five seeds; untrained 0.32 to 0.45). It says little at
this length: judge by the traversal. One of the five seeds, 4, collapses and says so.

Scored three times: untrained, before the contrastive term is switched on, and at the end.

Hardware and time: two CPU cores with AVX-512, 3.8 to 5.3 minutes.

Results: results/quick/.
"""

import runpy
from pathlib import Path

config = runpy.run_path(str(Path(__file__).with_name("config.py")))["config"]
config["global_config"] |= {
    **{key: values[0] for key, values in config["test_config"][0].items() if key != "run"},
    "batch_size": 32,
    "max_batches": 3000,
    "cr_coe_increase_batch": 2700,
    "metric_freq": 3000,
    "vis_freq": 1000,
    "metric_untrained": True,
}
config["test_config"] = [{"run": [0]}]
config["scheduler_config"]["result_root_folder"] = "results/quick/"
