"""The grid of the paper's code: InfoGAN-CR on CdSprites, 10 runs of 288,000 batches of 30.

8,000 epochs of 36 batches. The contrastive term is switched on after 216,000 batches. Where the
paper's code scores, draws and saves at the end of every epoch, this config does so every 50 epochs
(`epoch_freq`); the model is the same.

Expect: not run yet at this length.

Hardware and time: a GPU, not measured yet. There, --set batches_per_call=36 trains an epoch in one
compiled call.

Results: a folder per run in results/, named after the run's values in test_config; `run` is the
seed.
"""

config = {
    "scheduler_config": {
        "gpu": ["0", "1", "2", "3"],
        "temp_folder": "temp",
        "scheduler_log_file_path": "scheduler.log",
        "log_file": "worker.log",
        "force_rerun": False,
        "result_root_folder": "results/",
    },
    "global_config": {
        "epoch": 8000,
        "epoch_freq": 50,
        "batch_size": 30,
        "vis_freq": 200,
        "vis_num_sample": 10,
        "vis_num_rep": 10,
        "vis_shade": True,
        "vis_center": True,
        "metric_freq": 400,
        "summary_freq": 1,
        "output_reverse": False,
        "de_lr": 0.001,
        "infod_lr": 0.002,
        "crd_lr": 0.002,
        "uniform_reg_dim": 2,
        "uniform_not_reg_dim": 5,
        "q_l_dim": 128,
    },
    "test_config": [
        {
            "info_coe_de": [0.2],
            "info_coe_infod": [0.2],
            "cr_coe_start": [0.0],
            "cr_coe_increase": [2.0],
            "cr_coe_increase_times": [1],
            "cr_coe_increase_batch": [216000],
            "gap_start": [0.0],
            "gap_decrease": [0.0],
            "gap_decrease_times": [0],
            "gap_decrease_batch": [1],
            "run": list(range(10)),
        }
    ],
}
