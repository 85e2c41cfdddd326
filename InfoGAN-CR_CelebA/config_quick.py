"""A first look on a laptop CPU: the paper's model on 20,000 drawn faces, which stand in for CelebA.

Always on drawn faces, even where data/CelebA/ holds the real pictures: for those, see
config_quick_celeba.py.

Expect 13 minutes on two CPU cores beside other work, and codes for hair tone, skin and the
background. 2,000 batches of 64 instead of 90,174 of 128; the contrastive term sets in after 1,600.
Results are in results/quick/stand_in_faces/.
"""

import runpy
from pathlib import Path

config = runpy.run_path(str(Path(__file__).with_name("config_quick_celeba.py")))["config"]
config["global_config"] |= {"data_dir": "../data/stand_in_faces", "generate": 20000}
config["scheduler_config"]["result_root_folder"] = "results/quick/stand_in_faces/"
