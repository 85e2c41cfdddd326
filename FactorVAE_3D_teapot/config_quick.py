"""A first look on a laptop CPU: the paper's model on 20,000 teapots, which it draws first.

Always the same ones, in data/3Dpots_quick/, also where data/3Dpots/ has others: so scores compare.

Expect 7 minutes on two CPU cores and a FactorVAE metric of 0.57 (one run; untrained 0.23; trained
on, it went up and down between 0.49 and 0.56). 4,680 batches (15 epochs) of 64 instead of 109,375;
one weight, one run.
"""

import runpy
from pathlib import Path

config = runpy.run_path(str(Path(__file__).with_name("config.py")))["config"]
config["global_config"] |= {
    "max_batches": 4680,
    "metric_freq": 1000,
    "metric_untrained": True,
    "data_dir": "../data/3Dpots_quick",
    "generate": 20000,
}
config["test_config"] = [{"tc_coe": [10.0], "run": [0]}]
config["scheduler_config"]["result_root_folder"] = "results/quick/"
