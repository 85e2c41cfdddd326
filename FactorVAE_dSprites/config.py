"""The paper's grid: FactorVAE on dSprites with four weights of the total correlation, 40 runs of
311,040 batches (27 epochs).

Expect, from the paper: FactorVAE metric 0.79 +- 0.01 (tc_coe 1), 0.83 (10), 0.83 (20), 0.82 (40).
Needs a GPU. Every run's folder is named after its values in test_config; `run` is the seed.
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
        "epoch": 27,
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
