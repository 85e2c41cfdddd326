"""Config files: grids, folder names, and one line for every mistake."""

import copy
import dataclasses
import pprint

import pytest

from disentanglement.config import (
    InfoGANCRConfig,
    TeapotInfoGANCRConfig,
    changed_keys,
    first_change,
    model_keys,
    parse,
)
from disentanglement.errors import UserError
from disentanglement.experiments import grid
from tests.experiments import ROOT

FOLDER = ROOT / "InfoGAN-CR_dSprites"
NUM_IMAGES = 737280
PAPER = grid._read(FOLDER / "config.py")


def load(tmp_path, change=lambda config: None, overrides=()):
    config = copy.deepcopy(PAPER)
    change(config)
    path = tmp_path / "config.py"
    path.write_text("config = " + pprint.pformat(config))
    return grid.load(path, InfoGANCRConfig, NUM_IMAGES, list(overrides))


def test_the_papers_grid():
    tasks = grid.load(FOLDER / "config.py", InfoGANCRConfig, NUM_IMAGES).tasks
    assert [task.config.run for task in tasks] == list(range(10))
    assert tasks[3].name == (
        "cr_coe_increase-2.0,cr_coe_increase_batch-288000,cr_coe_increase_times-1,"
        "cr_coe_start-0.0,gap_decrease-0.0,gap_decrease_batch-1,gap_decrease_times-0,"
        "gap_start-0.0,info_coe_de-0.05,info_coe_infod-0.05,run-3,"
    )
    config = tasks[0].config
    assert (config.epoch, config.batch_size) == (28, 64)
    assert (config.de_lr, config.infod_lr, config.crd_lr) == (0.001, 0.002, 0.002)
    assert (config.cr_coe_increase, config.cr_coe_increase_batch) == (2.0, 288000)
    assert (config.uniform_reg_dim, config.uniform_not_reg_dim, config.q_l_dim) == (5, 5, 128)


def test_the_quick_config_is_the_papers_but_shorter():
    (task,) = grid.load(FOLDER / "config_quick.py", InfoGANCRConfig, NUM_IMAGES).tasks
    paper = grid.load(FOLDER / "config.py", InfoGANCRConfig, NUM_IMAGES).tasks[0].config
    assert task.name == "run-0,"
    differ = {key for key in vars(paper) if getattr(paper, key) != getattr(task.config, key)}
    assert differ == {
        "batch_size",
        "max_batches",
        "cr_coe_increase_batch",
        "metric_freq",
        "metric_untrained",
        "vis_freq",
    }


def test_folder_name_rules():
    values = {"b": [1, "x y"], "a": "0123456789" * 4, "run": 0}
    assert grid.folder_name(values) == "a-012345678901234567890123456789,b-1,'xy',run-0,"


def test_a_grid_is_the_union_of_products(tmp_path):
    def change(config):
        first = config["test_config"][0] | {"run": [0, 1], "info_coe_de": [0.1, 0.2]}
        config["test_config"] = [first, config["test_config"][0] | {"run": [7]}]

    tasks = load(tmp_path, change).tasks
    pairs = [(task.config.info_coe_de, task.config.run) for task in tasks]
    assert pairs == [(0.1, 0), (0.1, 1), (0.2, 0), (0.2, 1), (0.05, 7)]
    assert len({task.name for task in tasks}) == 5


@pytest.mark.parametrize(
    ("text", "runs"), [("0", [0]), ("0,3-5", [0, 3, 4, 5]), (None, list(range(10)))]
)
def test_runs(tmp_path, text, runs):
    assert [task.config.run for task in load(tmp_path).select(text).tasks] == runs


@pytest.mark.parametrize("text", ["x", "1-", "12", "9-20", "3-x", ""])
def test_bad_runs(tmp_path, text):
    with pytest.raises(UserError, match="--runs"):
        load(tmp_path).select(text)


@pytest.mark.parametrize(
    ("override", "key", "value"),
    [
        ("batch_size=32", "batch_size", 32),
        ("de_lr=1", "de_lr", 1.0),
        ("de_lr=5e-4", "de_lr", 5e-4),
        ("output_reverse=True", "output_reverse", True),
        ("max_batches=None", "max_batches", None),
        ("max_batches=7", "max_batches", 7),
        ("data_dir=/tmp/a=b", "data_dir", "/tmp/a=b"),
        ("info_coe_de=0.3", "info_coe_de", 0.3),
    ],
)
def test_set(tmp_path, override, key, value):
    config = load(tmp_path, overrides=[override]).tasks[0].config
    assert getattr(config, key) == value
    assert type(getattr(config, key)) is type(value)


def test_set_of_a_grid_key_replaces_its_values_and_its_folder_name(tmp_path):
    (task,) = load(tmp_path, overrides=["run=4"]).tasks
    assert task.config.run == 4
    assert task.name.endswith("run-4,")


@pytest.mark.parametrize("text", ["0-2,7", "[0, 1, 2, 7]"])
def test_set_run_adds_seeds(tmp_path, text):
    tasks = load(tmp_path, overrides=[f"run={text}"]).tasks
    assert [task.config.run for task in tasks] == [0, 1, 2, 7]


def test_set_data_dir_turns_generating_off():
    quick = ROOT / "InfoGAN-CR_3D_teapot" / "config_quick.py"

    def generate(*overrides):
        found = grid.load(quick, TeapotInfoGANCRConfig, 200_000, overrides)
        return found.tasks[0].config.generate

    assert generate() == 20_000
    assert generate("data_dir=/nowhere") is None
    assert generate("data_dir=/new", "generate=9") == 9


def test_set_of_scheduler_keys(tmp_path):
    scheduler = load(tmp_path, overrides=["gpu=0,2", "result_root_folder=x"]).scheduler
    assert scheduler.gpu == ["0", "2"]
    assert scheduler.result_root_folder == "x"


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("batchsize=3", "unknown key 'batchsize'; did you mean 'batch_size'"),
        ("batch_size=3.5", "expected an integer"),
        ("output_reverse=yes", "expected True or False"),
        ("batch_size", "key=value"),
        ("batch_size=0", "at least 1"),
        ("de_lr=nan", "must be a finite number"),
        ("info_coe_de=inf", "must be a finite number"),
        ("run=2-x", "write it like 0,3-5"),
    ],
)
def test_bad_set(tmp_path, override, message):
    with pytest.raises(UserError, match=message):
        load(tmp_path, overrides=[override])


def _set(part, key, value):
    return lambda config: config[part].__setitem__(key, value)


def _grid(key, value):
    return lambda config: config["test_config"][0].__setitem__(key, value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_set("global_config", "batchsize", 64), "global_config.*'batchsize'.*'batch_size'"),
        (_set("scheduler_config", "gpus", ["0"]), "scheduler_config.*'gpus'.*'gpu'"),
        (lambda c: c["global_config"].pop("epoch"), "global_config.*missing key 'epoch'"),
        (lambda c: c["scheduler_config"].pop("gpu"), "scheduler_config.*missing key 'gpu'"),
        (_set("global_config", "epoch", "28"), "'epoch' must be an integer, not '28'"),
        (_set("global_config", "epoch", 2.5), "'epoch' must be an integer, not 2.5"),
        (_set("global_config", "epoch", True), "'epoch' must be an integer, not True"),
        (_set("global_config", "de_lr", "x"), "'de_lr' must be a number"),
        (_set("global_config", "de_lr", 0), "'de_lr' must be greater than 0"),
        (_set("global_config", "output_reverse", 1), "'output_reverse' must be True or False"),
        (_set("scheduler_config", "gpu", [0]), "'gpu' must be a list of strings"),
        (_grid("gap_start", [2.5]), "'gap_start' must be at most 2"),
        (_grid("run", [-1]), "'run' must be at least 0"),
        (
            _set("global_config", "batch_size", 10**6),
            "batch_size 1000000 is more than the 737,280 images: lower it, .* batch_size=64",
        ),
        (_grid("run", 0), r"test_config\[0\]: 'run' must be a list"),
        (_grid("run", []), r"test_config\[0\]: 'run' must be a list"),
        (_grid("epoch", [1]), "'epoch' is in global_config and in test_config"),
        (lambda c: c.pop("test_config"), "'test_config'.* must be a list"),
        (lambda c: c.__setitem__("test_config", []), "lists no run"),
        (lambda c: c.__setitem__("tests", []), "unknown part 'tests'.*'test_config'"),
    ],
)
def test_a_mistake_is_one_line_with_file_and_key(tmp_path, change, message):
    with pytest.raises(UserError, match=message) as error:
        load(tmp_path, change)
    assert str(tmp_path / "config.py") in str(error.value)
    assert "\n" not in str(error.value)


def test_two_runs_with_one_folder_name(tmp_path):
    def change(config):
        grids = config["test_config"]
        config["test_config"] = [grids[0] | {"data_dir": ["a" * 40 + x]} for x in "bc"]

    with pytest.raises(UserError, match="two different runs would have the folder"):
        load(tmp_path, change)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "cannot be read"),
        ("config = {", "line 1"),
        ("x = 1", "no dictionary named 'config'"),
        ("import nonsense_module", "ModuleNotFoundError"),
    ],
)
def test_an_unreadable_file(tmp_path, text, message):
    path = tmp_path / "config.py"
    if text is not None:
        path.write_text(text)
    with pytest.raises(UserError, match=message) as error:
        grid.load(path, InfoGANCRConfig, NUM_IMAGES)
    assert str(path) in str(error.value)


def test_changed_keys():
    config = parse(
        InfoGANCRConfig,
        PAPER["global_config"]
        | {key: values[0] for key, values in PAPER["test_config"][0].items()},
        "here",
    )
    old = dict(vars(config))
    assert changed_keys(old, config) == []
    assert changed_keys(old | {"epoch": 1, "vis_freq": 3}, config) == []
    assert changed_keys(old | {"batch_size": 1, "de_lr": 3.0}, config) == ["batch_size", "de_lr"]
    del old["q_l_dim"]
    assert changed_keys(old, config) == ["q_l_dim"]


def test_an_added_key_changes_nothing_for_earlier_runs_while_it_has_its_default():
    config = parse(
        InfoGANCRConfig,
        PAPER["global_config"]
        | {key: values[0] for key, values in PAPER["test_config"][0].items()},
        "here",
    )
    other = dataclasses.replace(config, tf32=True)
    before = dict(vars(config))
    del before["tf32"]
    assert changed_keys(before, config) == []
    assert first_change(before, other) == "tf32 was False, is now True"
    assert first_change(dict(vars(other)), config) == "tf32 was True, is now False"
    assert "tf32" not in model_keys(config)
    assert model_keys(other) == model_keys(config) | {"tf32": True}
