"""A first look on a laptop CPU: the paper's model on CelebA, which must be prepared (docs/).

2,000 batches of 64 instead of 90,174 of 128; the contrastive term sets in after 1,600. On drawn
faces it takes 13 minutes on two CPU cores beside other work; on CelebA it has not been run yet.
Results are in results/quick/CelebA/.
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
