"""The usual VAEs on 3D teapots: six objectives, 290 runs of 109,375 batches of 64.

35 epochs of 200,000 images. Ten runs for each weight of each objective, as in
VAE_dSprites/config.py.

Expect: not run yet at this length.

Hardware and time: a GPU, not measured yet. The data must be made first: see docs/DATA.md, or start
a run, which says what to type.

Results: a folder per run in results/, named after the run's values in test_config; `run` is the
seed.
"""

RUNS = list(range(10))

config = {
    "scheduler_config": {
        "gpu": ["0"],
        "temp_folder": "temp",
        "scheduler_log_file_path": "scheduler.log",
        "log_file": "worker.log",
        "force_rerun": False,
        "result_root_folder": "results/",
    },
    "global_config": {
        "epoch": 35,
        "batch_size": 64,
        "vis_freq": 200,
        "vis_num_sample": 10,
        "vis_num_rep": 10,
        "metric_freq": 400,
        "summary_freq": 1,
        "output_reverse": False,
        "gaussian_dim": 10,
    },
    "test_config": [
        {"objective": ["vae"], "run": RUNS},
        {"objective": ["beta_vae"], "beta": [2.0, 4.0, 6.0, 8.0, 16.0], "run": RUNS},
        {
            "objective": ["annealed_vae"],
            "capacity": [5.0, 10.0, 25.0, 50.0, 75.0, 100.0],
            "run": RUNS,
        },
        {"objective": ["beta_tcvae"], "beta": [2.0, 4.0, 6.0, 8.0, 10.0], "run": RUNS},
        {
            "objective": ["dip_vae_i", "dip_vae_ii"],
            "lambda_od": [1.0, 2.0, 5.0, 10.0, 20.0, 50.0],
            "run": RUNS,
        },
    ],
}
