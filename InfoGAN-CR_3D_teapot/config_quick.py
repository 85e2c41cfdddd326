"""A first look on a laptop's CPU: the paper's model on 20,000 teapots, which it draws first.

6,000 batches of 32 instead of 125,000 of 64. The contrastive term is switched on after 5,400, and
its gap closes after 5,700.

Expect a FactorVAE metric of 0.7 to 0.8 (0.77 in one run, 0.68 in another; untrained 0.47).

Hardware and time: two busy CPU cores, 11 minutes.

Results: results/quick/. The data are always those in data/3Dpots_quick/, even where data/3Dpots/
has a set, so that scores can be compared.
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
