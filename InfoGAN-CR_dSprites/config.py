"""The paper's grid: InfoGAN-CR on dSprites, 10 runs of 322,560 batches of 64 (28 epochs).

Expect, from the paper (50 runs): a FactorVAE metric of 0.88 +- 0.01, and of 0.82 +- 0.01 for the
snapshot before the contrastive term is switched on (batch 288,000).

Hardware and time: a GPU, not measured yet. On two idle CPU cores one run takes about 18 hours with
AVX-512, 5 of them for the shape classifier in 812 evaluations (computed: main.py --dry-run, and
docs/EXPERIMENTS.md).

Results: a folder per run in results/, named after the run's values in test_config; `run` is the
seed. A run leaves about 3 GB, mostly in sample/ (see vis_freq).
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
        "epoch": 28,
        "batch_size": 64,
        "vis_freq": 200,
        "vis_num_sample": 10,
        "vis_num_rep": 10,
        "metric_freq": 400,
        "summary_freq": 1,
        "output_reverse": False,
        "de_lr": 0.001,
        "infod_lr": 0.002,
        "crd_lr": 0.002,
        "uniform_reg_dim": 5,
        "uniform_not_reg_dim": 5,
        "q_l_dim": 128,
    },
    "test_config": [
        {
            "info_coe_de": [0.05],
            "info_coe_infod": [0.05],
            "cr_coe_start": [0.0],
            "cr_coe_increase": [2.0],
            "cr_coe_increase_times": [1],
            "cr_coe_increase_batch": [288000],
            "gap_start": [0.0],
            "gap_decrease": [0.0],
            "gap_decrease_times": [0],
            "gap_decrease_batch": [1],
            "run": list(range(10)),
        }
    ],
}
