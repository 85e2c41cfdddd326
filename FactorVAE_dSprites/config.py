"""The paper's grid: FactorVAE on dSprites, 40 runs of 311,040 batches of 64 (27 epochs).

Ten runs for each of four weights of the total correlation.

Expect, from the paper: a FactorVAE metric of 0.79 +- 0.01 (tc_coe 1), 0.83 (10), 0.83 (20) and
0.82 (40).

Hardware and time: a GPU, not measured yet. On two CPU cores the iterations of one run would take
about 11 hours (129 ms each); not counting evaluations.

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
