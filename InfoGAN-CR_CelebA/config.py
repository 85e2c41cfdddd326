"""The paper's grid: InfoGAN-CR on CelebA, one run of 90,174 batches of 128.

57 epochs of 202,599 pictures. The contrastive term is switched on after 80,000 batches.

Expect: not run yet at this length.

Hardware and time: a GPU, not measured yet. On two CPU cores about 15 hours (computed from 522 ms a
batch, 1,058 ms with the contrastive term). CelebA must be prepared first: see docs/DATA.md, or
start the run, which says what to type.

Results: results/, in a folder named after the run's values in test_config; `run` is the seed.
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
        "epoch": 57,
        "batch_size": 128,
        "vis_freq": 200,
        "vis_num_sample": 10,
        "vis_num_rep": 10,
        "metric_freq": 400,
        "summary_freq": 1,
        "output_reverse": False,
        "de_lr": 0.002,
        "infod_lr": 0.0002,
        "crd_lr": 0.0002,
        "uniform_reg_dim": 5,
        "uniform_not_reg_dim": 100,
    },
    "test_config": [
        {
            "info_coe_de": [2.0],
            "info_coe_infod": [2.0],
            "cr_coe_start": [0.0],
            "cr_coe_increase": [1.0],
            "cr_coe_increase_times": [1],
            "cr_coe_increase_batch": [80000],
            "gap_start": [0.0],
            "gap_decrease": [0.0],
            "gap_decrease_times": [0],
            "gap_decrease_batch": [1],
            "run": [0],
        }
    ],
}
