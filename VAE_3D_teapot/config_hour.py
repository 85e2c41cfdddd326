"""Six objectives on 20,000 teapots, one weight each, at a twentieth of the full length.

5,469 batches of 64 instead of 109,375. AnnealedVAE's capacity is reached after 5,000 batches
instead of 100,000, as late in the run as in a full one.

Expect: not run yet.

Hardware and time: two CPU cores, an hour for all six (computed).

Results: results/hour/. The data are those of config_quick.py.
"""

import runpy
from pathlib import Path

config = runpy.run_path(str(Path(__file__).with_name("config_quick.py")))["config"]
config["global_config"] |= {"max_batches": 5469, "metric_freq": 2000}
config["test_config"] = [
    {"objective": ["vae"], "run": [0]},
    {"objective": ["beta_vae"], "beta": [4.0], "run": [0]},
    {"objective": ["beta_tcvae"], "beta": [6.0], "run": [0]},
    {"objective": ["dip_vae_i", "dip_vae_ii"], "lambda_od": [10.0], "run": [0]},
    {
        "objective": ["annealed_vae"],
        "capacity": [25.0],
        "capacity_batches": [5000],
        "run": [0],
    },
]
config["scheduler_config"]["result_root_folder"] = "results/hour/"
