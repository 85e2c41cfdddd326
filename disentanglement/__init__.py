"""InfoGAN-CR and FactorVAE, reproduced: algorithms, training system, data and metrics.

This file only sets defaults that must be in place before TensorFlow is imported, and sees to it
that TensorFlow then prints no greetings. It imports nothing heavy, so `--list` and `--help` respond
at once. An environment variable that the user has set takes
precedence over its default.
"""

import os

from disentanglement import greetings

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
# TensorFlow turns oneDNN off on CPUs without AVX512-VNNI, where it makes a training step 1.6 times
# as fast (benchmarks/train_step.py, compared with TF_ENABLE_ONEDNN_OPTS=0).
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
# Otherwise one process takes all of a GPU's memory, however little it needs.
os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")

greetings.hold_back_at_import()

__version__ = "0.1.0"
