"""Six objectives on all of dSprites at a twentieth of the full length: one weight each, two gammas.

15,552 batches of 64 instead of 311,040. AnnealedVAE's capacity is reached after 5,000 batches
instead of 100,000, as late in the run as in a full one; its `gamma` is 1,000, as in config.py, and
10.

Expect: the FactorVAE metric (untrained .28) at .70 for the VAE, .68 for beta-VAE, .66 for
beta-TCVAE, .56 for DIP-VAE-I, .72 for DIP-VAE-II, .76 for AnnealedVAE with gamma 10; with 1,000 it
learned nothing (.26): results/README.md says why.

Hardware and time: one thread on a shared machine with two cores, 28 to 64 minutes for each of the
seven runs.

Results: results/hour/.
"""

import runpy
from pathlib import Path

config = runpy.run_path(str(Path(__file__).with_name("config_quick.py")))["config"]
config["global_config"] |= {"max_batches": 15552}
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
    {
        "objective": ["annealed_vae"],
        "capacity": [25.0],
        "capacity_batches": [5000],
        "gamma": [10.0],
        "run": [0],
    },
]
config["scheduler_config"]["result_root_folder"] = "results/hour/"
