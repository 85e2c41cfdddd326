"""InfoGAN-CR and FactorVAE, reproduced: algorithms, training system, data and metrics.

This file only sets defaults that must stand before TensorFlow is imported; it imports nothing
heavy, so that `--list` and `--help` answer at once. Every default yields to the user's own
environment variable.
"""

import os

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
# TensorFlow leaves oneDNN off on CPUs without AVX512-VNNI; its convolutions make the training
# step 1.6 times faster there (benchmarks/train_step.py, with TF_ENABLE_ONEDNN_OPTS=0 beside it).
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
# Otherwise one process takes all of a GPU's memory, however little it needs.
os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")

__version__ = "0.1.0"
