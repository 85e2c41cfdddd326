"""The paper's grid: FactorVAE on 3D teapots, 40 runs of 109,375 batches of 64.

35 epochs of 200,000 images. Ten runs for each of four weights of the total correlation.

Expect: not run yet at this length.

Hardware and time: a GPU, not measured yet. The data must be made first: see docs/DATA.md, or start
a run, which says what to type.

Results: a folder per run in results/, named after the run's values in test_config; `run` is the
seed.
"""

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
        {
            "tc_coe": [1.0, 10.0, 20.0, 40.0],
            "run": list(range(10)),
        }
    ],
}
