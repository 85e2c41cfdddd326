"""A first look on a laptop's CPU: the paper's model on CelebA, which must be prepared first.

See docs/DATA.md for how to prepare it, or start the run, which says what to type. 2,000 batches of
64 instead of 90,174 of 128. The contrastive term is switched on after 1,600.

Expect: not run on CelebA yet.

Hardware and time: two CPU cores; 13 minutes on drawn faces, on a busy machine.

Results: results/quick/CelebA/.
"""

import runpy
from pathlib import Path

config = runpy.run_path(str(Path(__file__).with_name("config.py")))["config"]
config["global_config"] |= {
    **{key: values[0] for key, values in config["test_config"][0].items() if key != "run"},
    "batch_size": 64,
    "max_batches": 2000,
    "cr_coe_increase_batch": 1600,
}
config["test_config"] = [{"run": [0]}]
config["scheduler_config"]["result_root_folder"] = "results/quick/CelebA/"
