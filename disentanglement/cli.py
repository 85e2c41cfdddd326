"""The command lines of the experiments: main scripts (a grid) and task scripts (one run)."""

import argparse
import contextlib
import logging
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from tqdm import tqdm

from disentanglement import dispatch, final_metrics, grid, launch
from disentanglement.dispatch import Experiment
from disentanglement.errors import TrainingStopped, UserError, from_os_error, os_errors_in_one_line

log = logging.getLogger(__name__)


def main(experiment: Experiment, arguments: list[str] | None = None) -> int:
    """main.py: train every run of a grid. Returns the exit status."""
    return _main(experiment, dispatch.Training(experiment), arguments)


def main_final_metrics(
    experiment: Experiment, metrics: Mapping[str, Callable], arguments: list[str] | None = None
) -> int:
    """main_final_metrics.py: score every trained run of a grid. Returns the exit status."""
    return _main(experiment, dispatch.Scoring(experiment, metrics), arguments)


def task(experiment: Experiment, arguments: list[str] | None = None) -> int:
    """A training task script: train one run of the grid, or several together."""
    done = "finished; scores, picture and networks are in %s"
    words = ("Train", "training in %s", done)
    return _task(experiment, train_runs, words, arguments, several=True)


def task_final_metrics(experiment: Experiment, arguments: list[str] | None = None) -> int:
    """A scoring task script: score one trained run of the grid."""
    words = ("Score", "scoring %s", "scored; see %s")
    return _task(experiment, _score_run, words, arguments, final_metrics.check_trained)


def main_latent_trans(experiment: Experiment, script: str, arguments=None) -> int:
    """main_generate_latent_trans.py: draw what the latents of every trained run of a grid do.

    script: the one that draws one run. Returns the exit status.
    """
    return _main(experiment, dispatch.Traversals(script), arguments)


def task_latent_trans(experiment: Experiment, arguments: list[str] | None = None) -> int:
    """The script that draws what the latents of one trained run do."""
    words = ("Draw the latents of", "drawing %s", "drawn; see latent_trans/ in %s")
    return _task(experiment, _draw_run, words, arguments, final_metrics.check_trained)


def train_runs(experiment: Experiment, tasks: list[grid.Task], folders: list[Path]) -> None:
    """Train one run in its folder, or several together. Raises UserError, TrainingStopped."""
    if len(tasks) == 1:
        experiment.load().train(tasks[0].config, folders[0])
    else:
        dispatch.check_stackable(tasks)
        experiment.load().train_stack([task.config for task in tasks], folders)


def _score_run(experiment, tasks, folders):
    experiment.load().score(tasks[0].config, folders[0])


def _draw_run(experiment, tasks, folders):
    experiment.load().draw_traversals(tasks[0].config, folders[0])


def train_classifier(load_dataset: Callable, out: Path, arguments: list[str] | None = None) -> int:
    """The script that trains the shape classifier; load_dataset(data_dir or None) -> data set."""
    parser = argparse.ArgumentParser(description="Train the classifier of dSprites' shapes.")
    parser.add_argument("--epochs", type=at_least(1), default=5, help="(default: 5)")
    parser.add_argument(
        "--images", type=at_least(1), help="train on so many, drawn at random (default: all)"
    )
    parser.add_argument("--seed", type=at_least(0), default=0, help="(default: 0)")
    parser.add_argument("--data-dir", type=Path, help="folder of the data set")
    parser.add_argument(
        "--out", type=Path, default=out, help=f"file to write, name.keras (default: {out})"
    )
    options = parser.parse_args(arguments)

    def command():
        # Takes seconds. The engine first: it holds back TensorFlow's greetings.
        from disentanglement import engine, shape_classifier  # noqa: F401

        logging.basicConfig(level=logging.INFO, format="%(message)s")
        found = shape_classifier.train(
            load_dataset(options.data_dir),
            options.out,
            options.epochs,
            options.images,
            options.seed,
        )
        print(f"accuracy {found['accuracy']:.4f}, {found['seconds'] / 60:.1f} min; {options.out}")
        return 0

    return answer(command)


def answer(
    command: Callable[[], int],
    stopped: str = "stopped; the same command goes on from what is saved",
) -> int:
    """The command's exit status; a user's mistake is one line and status 2.

    stopped: what to say at Ctrl-C.
    """
    try:
        return command()
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(stopped, file=sys.stderr)
        return launch.STOPPED
    except OSError as error:
        print(f"error: {from_os_error(error)}", file=sys.stderr)
        return 2


def at_least(low: int) -> Callable[[str], int]:
    """A type of options: an integer that is not below `low`."""

    def number(text):
        if int(text) < low:
            raise argparse.ArgumentTypeError(f"must be at least {low}")
        return int(text)

    return number


def _main(experiment, job, arguments):
    parser = _parser(experiment, job.help)
    parser.add_argument("--list", action="store_true", help="print the run folders and stop")
    parser.add_argument("--runs", metavar="0,3-5", help="only runs with these numbers")
    parser.add_argument("--dry-run", action="store_true", help="say what would be done and stop")
    parser.set_defaults(stack=1)
    if job.can_stack:
        parser.add_argument(
            "--stack",
            type=at_least(1),
            metavar="N",
            help="train N runs at once on one accelerator, where they differ in `run` only (JAX)",
        )
    options = parser.parse_args(arguments)
    return answer(lambda: dispatch.run_grid(experiment, job, options))


def _task(experiment, work, words, arguments, check=lambda folder: None, several=False):
    verb, begin, done = words
    parser = _parser(experiment, f"{verb} one run of a config's grid.")
    parser.add_argument(
        "run",
        nargs="*" if several else "?",
        help="its folder name as in main.py --list, or its line number from 0"
        + ("; several are trained together (JAX)" if several else ""),
    )
    parser.add_argument(
        "--work-dir", type=Path, help="work here instead of in the run's folder of the results"
    )
    options = parser.parse_args(arguments)

    def command():
        tasks = grid.load(options.config, experiment.schema, experiment.num_images, options.set)
        names = options.run if isinstance(options.run, list) else [options.run]
        chosen = [_find(tasks, name) for name in names or [None]]
        runs = [dispatch.Run(experiment.folder, tasks.scheduler, task) for task in chosen]
        folders = [run.folder for run in runs]
        if options.work_dir:
            if len(runs) > 1:
                raise UserError("--work-dir is for one run: leave it out")
            folders = [options.work_dir.resolve()]
        for folder in folders:
            check(folder)
        log_to([folder / tasks.scheduler.log_file for folder in folders])
        for folder in folders:
            log.info(begin, folder)
        status = logged(lambda: work(experiment, chosen, folders))
        if status == 0:
            log.info(done, ", ".join(map(str, folders)))
        return status

    return answer(command)


def logged(work: Callable[[], None]) -> int:
    """Do the work of a task; the exit status. What goes wrong is said in its log too."""
    try:
        work()
    except TrainingStopped as stop:
        log.info("%s", stop)
        return launch.STOPPED
    except UserError as error:
        log.error("error: %s", error)
        return 2
    except OSError as error:
        log.error("error: %s", from_os_error(error))
        return 2
    except Exception:
        log.exception("the run failed; this is a bug worth reporting")
        return 1
    return 0


def _parser(experiment, text):
    parser = argparse.ArgumentParser(description=text)
    parser.add_argument(
        "--config",
        type=lambda name: Path(name).resolve(),
        default=experiment.folder / "config.py",
        metavar="FILE",
        help="the grid (default: config.py)",
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="set a key of the config, e.g. --set batch_size=32; may be repeated",
    )
    return parser


def _find(tasks, name):
    if name is None:
        return tasks.tasks[0]
    for number, task in enumerate(tasks.tasks):
        if name in (task.name, str(number)):
            return task
    raise UserError(f"no run '{name}' in {tasks.path} (main.py --list shows them)")


def log_to(paths: list[Path]) -> None:
    """Messages go to the terminal, above the progress bar, and with the time to `paths`."""
    logging.raiseExceptions = False  # a full disk must not bury the message that says so
    handlers = [_TqdmHandler()]
    for path in paths:
        with os_errors_in_one_line(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            file = logging.FileHandler(path)
        file.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
        handlers.append(file)
    logging.basicConfig(level=logging.INFO, handlers=handlers, format="%(message)s")


class _TqdmHandler(logging.Handler):
    def emit(self, message):
        with contextlib.suppress(OSError):  # what reads our output may be gone: training goes on
            tqdm.write(self.format(message), file=sys.stdout)
            sys.stdout.flush()
