"""About an hour on two CPU cores (computed): a twentieth of the paper's length, all else its own.

16,128 batches of 64 instead of 322,560; the contrastive term sets in after 14,400, as late in the
run as the paper's. results/README.md has what came of it.
"""

import runpy
from pathlib import Path

config = runpy.run_path(str(Path(__file__).with_name("config_quick.py")))["config"]
config["global_config"] |= {
    "batch_size": 64,
    "max_batches": 16128,
    "cr_coe_increase_batch": 14400,
    "metric_freq": 2000,
}
config["scheduler_config"]["result_root_folder"] = "results/hour/"
