"""Runs the main and task scripts in a copy of an experiment, with stand-ins for train and score."""

import json
import os
import stat
import subprocess
import sys
import textwrap
import time

from tests.experiments import ROOT

FOLDER = ROOT / "InfoGAN-CR_dSprites"

# Replaces gan/infogan_cr.py. Training takes SECONDS and writes a record, but fails in run 1 and
# aborts in run 2; a signal stops it, and it takes SAVING seconds to save. Scoring takes SCORING
# seconds and writes records. Both append what they do to the file EVENTS.
STAND_IN = """
    import dataclasses, json, os, subprocess, sys, time
    from pathlib import Path
    from disentanglement import records
    from disentanglement.config import InfoGANCRConfig
    from disentanglement.errors import TrainingStopped, UserError
    from disentanglement.evaluation import final_metrics
    from disentanglement.experiments.experiment import Experiment
    from disentanglement.files import fingerprint
    from disentanglement.training import activity
    from disentanglement.training.position import Plan
    from disentanglement.training.signals import stop_requests

    def seconds(name, default):
        return float(os.environ.get(name, default))

    def note(what, run):
        gpu = os.environ.get("CUDA_VISIBLE_DEVICES", "cpu")
        with Path(os.environ["EVENTS"]).open("a") as file:
            file.write(json.dumps([what, run, gpu, time.time()]) + "\\n")

    def train(config, folder):
        record = {"state": "training", "config": dataclasses.asdict(config)}
        records.save(folder, record)
        with activity.claim(folder, activity.TRAINING) as work, stop_requests() as stop:
            work.progress(0, Plan.of(config, 737280).total)
            note("start", config.run)
            end = time.monotonic() + seconds("SECONDS", 1)
            while time.monotonic() < end and not stop:
                time.sleep(0.01)
            if stop:
                note("asked", config.run)
                time.sleep(seconds("SAVING", 0))
                note("saved", config.run)
                records.save(folder, record | {"state": "stopped"})
                raise TrainingStopped("stopped; saved")
        note("end", config.run)
        if config.run == 1:
            raise UserError("discriminator/loss became nan in batch 7")
        if config.run == 2:
            print("low-level trouble", file=sys.stderr, flush=True)
            os.abort()
        record = {"state": "finished", "config": dataclasses.asdict(config), "seconds": 60,
                  "scores": {"factor_vae": 0.5}, "batches": Plan.of(config, 737280).total}
        (folder / "run.json").write_text(json.dumps(record))
        for name in ("checkpoint", "checkpoint/global_id-7"):
            (folder / name).mkdir(exist_ok=True)
            (folder / name / "model.npz").write_text(name)

    class StandIn(Experiment):
        def train(self, configs, folders):
            if len(configs) > 1:
                note("stack", [config.run for config in configs])
            for config, folder in zip(configs, folders):
                train(config, folder)

        def score(self, config, folder, protocol="paper"):
            note("score", config.run)
            if "SCORING_FAILS" in os.environ:
                raise UserError("codes hold NaN")
            if "SCORING" in os.environ:
                worker = subprocess.Popen(["sleep", os.environ["SCORING"]])
                note("worker", worker.pid)
                worker.wait()
            for name, path in final_metrics.checkpoints(folder, config).items():
                records.save(folder, {
                    "scores": {"factor_vae": 0.7}, "metrics": {"factor_vae": {}}, "skipped": {},
                    "model": {"checkpoint": fingerprint(path)},
                }, name)

    def metrics():
        from disentanglement.evaluation.metric_lists import MetricLists
        from . import metric
        return MetricLists({}, metric.FINAL)

    EXPERIMENT = StandIn(
        folder=Path(__file__).resolve().parents[1], task="gan_task", schema=InfoGANCRConfig,
        num_images=737280, build=None, load_data=None, metrics=metrics,
    )
"""
METRICS = 'FINAL = {"factor_vae": None}'


def copy_experiment(folder):
    """Copy the experiment folder, with the stand-in for its experiment, to `folder`."""
    folder.mkdir()
    for path in FOLDER.glob("*.py"):
        (folder / path.name).write_text(path.read_text())
    (folder / "gan").mkdir()
    (folder / "gan" / "infogan_cr.py").write_text(textwrap.dedent(STAND_IN))
    (folder / "gan" / "metric.py").write_text(METRICS)
    return folder


def run(folder, *arguments, **options):
    """Run a script of the copy and wait for it; the options are those of `start`."""
    process = start(folder, *arguments, **options)
    try:
        stdout, stderr = process.communicate(timeout=120)
    finally:
        process.kill()
    return subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr)


def start(folder, *arguments, script="main.py", gpus=None, prefix=(), **environment):
    """Start a script of the copy, in a session of its own, as a terminal would.

    gpus: the ids that nvidia-smi lists, None for no nvidia-smi; prefix: a command that starts it.
    """
    bins = folder.parent / "bin"
    bins.mkdir(exist_ok=True)
    (bins / "nvidia-smi").unlink(missing_ok=True)
    if gpus is not None:
        fake_nvidia_smi(bins / "nvidia-smi", gpus)
    environment = os.environ | {"EVENTS": str(folder / "events"), **environment}
    environment["PATH"] = f"{bins}:{environment['PATH']}"
    return subprocess.Popen(
        [*prefix, sys.executable, script, *arguments],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def fake_nvidia_smi(path, gpus):
    lines = "\n".join(f'echo "{gpu}, 80000, 81000"' for gpu in gpus)
    ids = "\n".join(f"echo {gpu}, {uuid(gpu)}" for gpu in gpus)
    path.write_text(f'#!/bin/sh\ncase "$*" in *memory*)\n{lines}\n;; *)\n{ids}\n;; esac\n')
    path.chmod(path.stat().st_mode | stat.S_IEXEC)


def uuid(gpu):
    return f"GPU-{gpu}f0{gpu}aaaa"


def wait_for(folder, what, count=1):
    """Wait until `count` events of this kind have happened, and return their runs."""
    deadline = time.monotonic() + 60
    while True:
        found = [run for name, run, *_ in events(folder) if name == what]
        if len(found) >= count:
            return found
        assert time.monotonic() < deadline, events(folder)
        time.sleep(0.02)


def events(folder):
    if not (folder / "events").exists():
        return []
    return [json.loads(line) for line in (folder / "events").read_text().splitlines()]


def most_at_once(found, gpu):
    """Return the largest number of runs that shared this GPU at any time."""
    running = most = 0
    for what, _, where, _ in sorted(found, key=lambda event: event[3]):
        if where == gpu:
            running += 1 if what == "start" else -1
            most = max(most, running)
    return most
