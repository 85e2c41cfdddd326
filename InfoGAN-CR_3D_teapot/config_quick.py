"""A first look on a laptop CPU: the paper's model on 20,000 teapots, which it draws first.

Always the same ones, in data/3Dpots_quick/, also where data/3Dpots/ has others: so scores compare.

Expect 10 minutes on two CPU cores and a FactorVAE metric of 0.68 (one run; untrained 0.47). 6,000
batches of 32 images instead of 125,000 of 64; the contrastive term sets in after 5,400, its gap
closes after 5,700.
"""

import runpy
from pathlib import Path

config = runpy.run_path(str(Path(__file__).with_name("config.py")))["config"]
config["global_config"] |= {
    **{key: values[0] for key, values in config["test_config"][0].items() if key != "run"},
    "batch_size": 32,
    "max_batches": 6000,
    "cr_coe_increase_batch": 5400,
    "gap_decrease_batch": 5700,
    "metric_freq": 1000,
    "metric_untrained": True,
    "data_dir": "../data/3Dpots_quick",
    "generate": 20000,
}
config["test_config"] = [{"run": [0]}]
config["scheduler_config"]["result_root_folder"] = "results/quick/"
