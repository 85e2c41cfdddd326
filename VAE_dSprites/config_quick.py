"""A first look on a laptop's CPU: beta-TCVAE on all of dSprites, one weight, one run.

4,000 batches of 64 instead of 311,040.

Expect a FactorVAE metric of 0.74 (one run; untrained 0.28, and 0.68 after 2,000 batches).

Hardware and time: one thread on a busy machine with two cores, 12 minutes.

Results: results/quick/.
"""

import runpy
from pathlib import Path

config = runpy.run_path(str(Path(__file__).with_name("config.py")))["config"]
config["global_config"] |= {"max_batches": 4000, "metric_freq": 2000, "metric_untrained": True}
config["test_config"] = [{"objective": ["beta_tcvae"], "beta": [6.0], "run": [0]}]
config["scheduler_config"]["result_root_folder"] = "results/quick/"
