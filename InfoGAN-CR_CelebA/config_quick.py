"""A first look on a laptop's CPU: the paper's model on 20,000 drawn faces, standing in for CelebA.

It always trains on drawn faces, even where data/CelebA/ holds the real pictures; for those, use
config_quick_celeba.py. 2,000 batches of 64 instead of 90,174 of 128. The contrastive term is
switched on after 1,600.

Expect codes for hair tone, skin and the background's light.

Hardware and time: two busy CPU cores, 13 to 21 minutes.

Results: results/quick/stand_in_faces/.
"""

import runpy
from pathlib import Path

config = runpy.run_path(str(Path(__file__).with_name("config_quick_celeba.py")))["config"]
config["global_config"] |= {"data_dir": "../data/stand_in_faces", "generate": 20000}
config["scheduler_config"]["result_root_folder"] = "results/quick/stand_in_faces/"
