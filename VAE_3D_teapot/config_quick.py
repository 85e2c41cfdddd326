"""A first look on a laptop's CPU: beta-TCVAE on 20,000 teapots, which it draws first.

4,680 batches (15 epochs) of 64 instead of 109,375; one weight, one run.

Expect a FactorVAE metric of 0.56 (one run; untrained 0.23). One code raises the camera, one turns
the pot, two make it darker; all pots are grey, as no code has learned their colours yet.

Hardware and time: one core of a busy machine with two, 21 minutes.

Results: results/quick/. The data are always those in data/3Dpots_quick/, even where data/3Dpots/
has a set, so that scores can be compared.
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
config["test_config"] = [{"objective": ["beta_tcvae"], "beta": [6.0], "run": [0]}]
config["scheduler_config"]["result_root_folder"] = "results/quick/"
