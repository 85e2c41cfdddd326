"""An hour on a CPU: the paper's model on all of CdSprites, at a thirtieth of the paper's length.

9,600 batches of 30 instead of 288,000. The contrastive term is switched on after 7,200, as late
in the run as in the paper's.

Results: results/hour/.
"""

import runpy
from pathlib import Path

config = runpy.run_path(str(Path(__file__).with_name("config_quick.py")))["config"]
config["global_config"] |= {"max_batches": 9600, "cr_coe_increase_batch": 7200}
config["scheduler_config"]["result_root_folder"] = "results/hour/"
