"""The paper's grid: InfoGAN-CR on 3D teapots, 10 runs of 125,000 batches of 64.

40 epochs of 200,000 images. The contrastive term is switched on after 50,000 batches, and its gap
closes after 85,000.

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
        "epoch": 40,
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
            "info_coe_de": [0.2],
            "info_coe_infod": [0.2],
            "cr_coe_start": [0.0],
            "cr_coe_increase": [3.0],
            "cr_coe_increase_times": [1],
            "cr_coe_increase_batch": [50000],
            "gap_start": [1.9],
            "gap_decrease": [1.9],
            "gap_decrease_times": [1],
            "gap_decrease_batch": [85000],
            "run": list(range(10)),
        }
    ],
}
