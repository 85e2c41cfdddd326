"""A first look on a laptop's CPU: beta-TCVAE on all of dSprites, one weight, one run.

4,000 batches of 64 instead of 311,040.

Expect: not run yet (untrained, the FactorVAE metric is 0.28).

Hardware and time: two CPU cores, about 6 minutes (computed: 4,000 iterations of 50 ms, three
evaluations of 33 s).

Results: results/quick/.
"""

import runpy
from pathlib import Path

config = runpy.run_path(str(Path(__file__).with_name("config.py")))["config"]
config["global_config"] |= {"max_batches": 4000, "metric_freq": 2000, "metric_untrained": True}
config["test_config"] = [{"objective": ["beta_tcvae"], "beta": [6.0], "run": [0]}]
config["scheduler_config"]["result_root_folder"] = "results/quick/"
