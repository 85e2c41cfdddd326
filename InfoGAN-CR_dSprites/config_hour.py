"""An hour on a CPU: the paper's model on all of dSprites, at a twentieth of the paper's length.

16,128 batches of 64 instead of 322,560. The contrastive term is switched on after 14,400, as late
in the run as in the paper's.

Expect a FactorVAE metric of 0.65 (one run, see results/README.md at the project's top; untrained
0.36).

Hardware and time: two CPU cores; 1 h 51 min on a busy machine, about an hour alone (computed).

Results: results/hour/.
"""

import runpy
from pathlib import Path

config = runpy.run_path(str(Path(__file__).with_name("config_quick.py")))["config"]
config["global_config"] |= {
    "batch_size": 64,
    "max_batches": 16128,
    "cr_coe_increase_batch": 14400,
    "metric_freq": 2000,
    "vis_freq": 200,
}
config["scheduler_config"]["result_root_folder"] = "results/hour/"
