"""The training loop: train blocks of batches until a run, or several, are finished or stopped.

A model (algorithms/model.py) knows how a batch changes it; nothing here knows any algorithm. The
state after n batches depends on the config and n alone, because every random number comes from
(run, purpose, position), and a checkpoint holds all variables. So a run that is killed at any
moment and started again ends exactly like an uninterrupted one.
"""

import contextlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from disentanglement import engine
from disentanglement.algorithms.model import Model
from disentanglement.data.dataset import Dataset
from disentanglement.errors import TrainingStopped, UserError
from disentanglement.training import activity, feed, memory
from disentanglement.training.callbacks import Scores
from disentanglement.training.progress import Progress
from disentanglement.training.run import TrainingRun
from disentanglement.training.signals import stop_requests


def no_scores() -> dict[str, float]:
    """Score nothing during training."""
    return {}


def train(model: Model, dataset: Dataset, work_dir: Path, scores: Scores = no_scores) -> None:
    """Train `model` on `dataset` as model.config says, and write everything to `work_dir`.

    Resumes from the checkpoint in work_dir, if there is one.

    Args:
        model: The untrained model.
        dataset: What it is trained on.
        work_dir: The run's folder; created if it does not exist.
        scores: Returns the scores of the model in its current state, by column of metric.csv.

    Raises:
        UserError: For anything the user can fix.
        TrainingStopped: After Ctrl-C, SIGTERM or SIGALRM; the state has been saved.
    """
    train_together([model], dataset, [work_dir], [scores])


def train_together(
    models: Sequence[Model],
    dataset: Dataset,
    work_dirs: Sequence[Path],
    scores: Sequence[Scores],
) -> None:
    """Train several models at once, each in its own folder; needs JAX for more than one.

    Every model ends as if it had been trained alone, up to rounding. Models whose checkpoints are
    behind catch up first. See `train` for the arguments, here one per model, and the errors; the
    configs may differ only in `run`.
    """
    if len(models) > 1 and engine.NAME != "JAX":
        raise UserError("training several runs together needs JAX: set KERAS_BACKEND=jax")
    with contextlib.ExitStack() as stack:
        runs = []
        for model, work_dir, own_scores in zip(models, work_dirs, scores, strict=True):
            work = stack.enter_context(activity.claim(Path(work_dir), activity.TRAINING))
            runs.append(TrainingRun(model, dataset, work, own_scores))
        images = feed.Feed(dataset, engine.has_accelerator())
        for run in runs:
            run.model.connect(images)
        memory.announce(models, runs[0].batches_per_call, runs[0].plan.total)
        for run in runs:
            stack.enter_context(run.session())
        _train(runs)


def _train(runs: Sequence[TrainingRun]) -> None:
    total = runs[0].plan.total
    first = min(run.next for run in runs)
    with stop_requests() as stop, Progress(total, first) as progress:
        while first < total:
            # Runs that are ahead wait until the others have caught up with them.
            group = [run for run in runs if run.next == first]
            ahead = min((run.next for run in runs if run.next > first), default=total)
            n = group[0].block_length()
            n = n if first + n <= ahead else 1
            rows = [run.begin_block(n) for run in group]
            if len(group) == 1:
                reports = [group[0].model.train_block(rows[0], first)]
            else:
                reports = Model.train_stack([run.model for run in group], rows, first)
            stopping = bool(stop)  # read once: a later request waits for the next block
            for run, report in zip(group, reports, strict=True):
                run.end_block(report, n, stopping)
            first = min(run.next for run in runs)
            progress.update(n, _shown(group[0].model, reports[0]))
            if stopping and first < total:
                raise TrainingStopped(
                    f"stopped after batch {first} of {total}; saved in "
                    f"{', '.join(str(run.checkpoint) for run in runs)}. Run the same command "
                    "again to resume."
                )


def _shown(model: Model, report: dict[str, np.ndarray]) -> dict[str, float]:
    """Return the values for the progress line: those of the block's last batch, by label."""
    return {label: report[tag][-1] for label, tag in model.progress.items() if tag in report}
