"""What a run needs, as main.py --dry-run computes it."""

import dataclasses
import shutil
from types import SimpleNamespace

import pytest

from disentanglement.config import InfoGANCRConfig
from disentanglement.experiments import parent, requirements
from disentanglement.experiments.load import folders, load
from disentanglement.experiments.rates import RATES
from disentanglement.experiments.requirements import Left, Work
from tests import runs, tiny
from tests.commands import copy_experiment, run


@pytest.fixture
def dsprites():
    """The experiment, and the config of its first run."""
    experiment = load("InfoGAN-CR_dSprites")
    return experiment, experiment.grid().tasks[0].config


def changed(config, **changes):
    return dataclasses.replace(config, **changes)


def test_every_experiment_has_been_measured():
    assert {path.name for path in folders()} == set(RATES)


def test_work_is_what_a_run_does(unbroken):
    """Compared with the files of a run that was trained."""
    work = Work.of(InfoGANCRConfig(**tiny.CONFIG), 64)
    assert work.evaluations == len(runs.rows(unbroken))
    assert work.grids == len(list((unbroken / "sample").glob("*latent-recovered.npz")))
    assert work.snapshots == len(list(unbroken.glob("checkpoint/global_id-*")))
    contrastive = runs.events(unbroken).Scalars("cr_discriminator/loss")
    assert work.contrastive == len(contrastive)
    assert work.batches + work.contrastive == runs.BATCHES


def test_the_papers_run(dsprites):
    _, config = dsprites
    assert Work.of(config, 737_280) == Work(288_000, 34_560, 812, 1624, 1)
    resumed = Work.of(config, 737_280, first=311_040)
    assert resumed == Work(0, 11_520, 29, 58, 0)
    without = Work.of(changed(config, metric_freq=0, vis_freq=0), 737_280)
    assert without == Work(288_000, 34_560, 0, 0, 1)


@pytest.mark.parametrize(
    ("changes", "contrastive"),
    [
        ({"skip_idle_crd": False}, 322_560),
        ({"cr_coe_start": 1.0}, 322_560),
        ({"cr_coe_increase_times": 0}, 322_560),
        ({"max_batches": 300_000}, 12_000),
    ],
)
def test_when_the_contrastive_discriminator_trains(dsprites, changes, contrastive):
    _, config = dsprites
    assert Work.of(changed(config, **changes), 737_280).contrastive == contrastive


def test_lines(dsprites, tmp_path):
    experiment, config = dsprites
    configs = [changed(config, run=run) for run in range(3)]
    left = [Left(configs[1], tmp_path, 0), Left(configs[2], tmp_path, 161_280)]
    each, whole, rest, data, source = requirements.lines(experiment, configs, left)
    rates = RATES["InfoGAN-CR_dSprites"]
    assert each.startswith("each run: about ")
    assert f"288,000 batches of {rates.batch_ms} ms, 34,560 contrastive batches of" in each
    assert "812 evaluations of" in each
    assert "1,624 sets of sample grids" in each
    assert "GB of memory" in each
    assert whole.startswith("3 runs: about ")
    assert rest.startswith("left to do: about ")
    assert data == "the data set, once: 0.4 GB of disk"
    assert "AVX-512" in source
    assert "GPU" in source


@pytest.mark.parametrize(("size", "ms"), [(32, 81), (64, 108), (8, 61)])
def test_half_of_a_batchs_time_does_not_depend_on_its_size(dsprites, size, ms):
    experiment, config = dsprites
    estimate = requirements.Estimate(experiment, RATES[experiment.folder.name])
    small = changed(config, batch_size=size, metric_freq=0, vis_freq=0, max_batches=1000)
    assert estimate.needs(small).seconds == pytest.approx(ms, abs=0.5)


def test_the_quick_run_takes_as_long_as_predicted():
    """It took 5.3 minutes."""
    experiment = load("InfoGAN-CR_dSprites")
    config = experiment.grid(experiment.folder / "config_quick.py").tasks[0].config
    estimate = requirements.Estimate(experiment, RATES[experiment.folder.name])
    seconds = estimate.needs(config).seconds - config_scores(config, estimate)
    assert seconds + 3 * 10 == pytest.approx(5.3 * 60, rel=0.1)


def config_scores(config, estimate):
    """The seconds of the evaluations, which take longer where there is a shape classifier."""
    return Work.of(config, 737_280).evaluations * estimate.evaluation_s(config)


def test_disk(dsprites):
    experiment, config = dsprites
    estimate = requirements.Estimate(experiment, RATES[experiment.folder.name])
    plain = changed(config, metric_freq=0, vis_freq=0, max_batches=1000)
    whole = estimate.needs(plain)
    assert whole.disk < 22e6  # two checkpoints and 2 MB
    assert estimate.needs(changed(plain, summary_freq=10)).disk < whole.disk
    few = changed(config, vis_num_sample=5)
    assert estimate.needs(few).grids == pytest.approx(estimate.needs(config).grids / 2)


def test_a_run_on_fewer_images_needs_less_memory():
    experiment = load("InfoGAN-CR_3D_teapot")
    config = experiment.grid().tasks[0].config
    estimate = requirements.Estimate(experiment, RATES[experiment.folder.name])
    saved = estimate.memory(config) - estimate.memory(changed(config, generate=20_000))
    assert saved == 180_000 * 64 * 64 * 3


def test_an_experiment_of_your_own_has_no_estimate(dsprites, tmp_path):
    experiment, config = dsprites
    own = dataclasses.replace(experiment, folder=tmp_path)
    (line,) = requirements.lines(own, [config], [Left(config, tmp_path, 0)])
    assert line == "what a run needs has not been measured for this experiment"
    assert requirements.warnings(own, [Left(config, tmp_path, 0)]) == []


def test_a_warning_where_the_disk_is_too_small(dsprites, tmp_path, monkeypatch):
    experiment, config = dsprites
    left = [Left(config, tmp_path / "not" / "yet", 0)]
    asked = []

    def disk_usage(path):
        asked.append(path)
        return SimpleNamespace(free=2e9)

    monkeypatch.setattr(shutil, "disk_usage", disk_usage)
    (line,) = requirements.warnings(experiment, left)
    assert line.startswith(f"warning: {tmp_path} has 2.0 GB of free disk space, but training needs")
    assert "vis_freq" in line
    assert asked == [tmp_path]
    for vis_freq in (0, 2000, 5000):
        sparse = [Left(changed(config, vis_freq=vis_freq), tmp_path, 0)] * 100
        (other,) = requirements.warnings(experiment, sparse)
        assert "vis_freq" not in other
        assert ": free some, or name a folder on another disk" in other
    assert line in requirements.lines(experiment, [config], left)
    assert requirements.warnings(experiment, [Left(config, tmp_path, 322_000)]) == []
    assert requirements.warnings(experiment, []) == []


def test_a_task_does_not_repeat_the_main_scripts_warning(dsprites, tmp_path, monkeypatch):
    experiment, config = dsprites
    left = [Left(config, tmp_path, 0)]
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=2e9))
    monkeypatch.setattr(parent, "_is_task", False)
    monkeypatch.setattr(parent, "_watch", lambda parent: None)
    parent.stop_when_it_ends()  # started by the user
    assert len(requirements.warnings(experiment, left)) == 1
    for key, value in parent.announced_in({}).items():
        monkeypatch.setenv(key, value)
    parent.stop_when_it_ends()
    assert requirements.warnings(experiment, left) == []


def test_dry_run_prints_it(tmp_path):
    experiment = copy_experiment(tmp_path / "InfoGAN-CR_dSprites")
    result = run(experiment, "--dry-run", "--runs", "0-1", "--no-metrics")
    assert result.returncode == 0, result.stderr
    assert "each run: about " in result.stdout
    assert "evaluations" not in result.stdout
    assert "2 runs: about " in result.stdout
    scoring = run(experiment, "--dry-run", "--runs", "0-1", script="main_final_metrics.py")
    assert "each run" not in scoring.stdout


def test_main_warns_before_it_starts(tmp_path):
    """The paper's grid, ten times as often: more than any disk has."""
    experiment = copy_experiment(tmp_path / "InfoGAN-CR_dSprites")
    grids = ("--set", "vis_freq=1", "--set", "vis_num_rep=10000", "--runs", "3")
    result = run(experiment, *grids, SECONDS="0")
    assert result.returncode == 0, result.stderr
    warning = result.stdout.index("warning: ")
    assert "of free disk space" in result.stdout
    assert warning < result.stdout.index("starts on")
    assert result.stdout.count("of free disk space") == 1
    assert "of free disk space" not in next(experiment.rglob("worker.log")).read_text()
