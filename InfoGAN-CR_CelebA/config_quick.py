"""A first look on a laptop CPU: the paper's model, on CelebA if it is there, else on drawn faces.

Expect 13 minutes on two CPU cores beside other work; on drawn faces, codes for hair tone, skin and
the background.
2,000 batches of 64 instead of 90,174 of 128; the contrastive term sets in after 1,600.
"""

import runpy
from pathlib import Path

from disentanglement.data.celeba import FILES

_data = Path(__file__).resolve().parents[1] / "data" / "CelebA"

config = runpy.run_path(str(Path(__file__).with_name("config.py")))["config"]
config["global_config"] |= {
    **{key: values[0] for key, values in config["test_config"][0].items() if key != "run"},
    "batch_size": 64,
    "max_batches": 2000,
    "cr_coe_increase_batch": 1600,
    "generate": 20000,
}
config["test_config"] = [{"run": [0]}]
if not any((_data / name).exists() for name in FILES):
    # So that the real pictures, when they come, are trained on anew.
    config["scheduler_config"]["result_root_folder"] = "results/stand_in_faces/"
