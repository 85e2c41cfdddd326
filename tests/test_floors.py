"""The library is built in floors: modules import from their own floor or below, without cycles."""

import ast
from graphlib import TopologicalSorter

from tests.experiments import ROOT

PACKAGE = ROOT / "disentanglement"
# From the ground up; a module may import those of its own floor and of the floors below.
FLOORS = (
    "",  # the files at the top: errors, files, streams, records, ...
    "metrics",
    "selection",
    "engine",
    "data",
    "networks",
    "algorithms",
    "training",
    "evaluation",
    "experiments",
)
# python -m disentanglement.<name>: a call of the command above
COMMANDS = {"compare", "curves", "explore", "figures", "pretrained", "report", "reproduce", "table"}


def modules():
    for path in PACKAGE.rglob("*.py"):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        yield ".".join(part for part in parts if part != "__init__"), path


def imports(path):
    """The modules of the package that a file imports, lazily or for its types, too."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute here"
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def floor(module):
    first = module.split(".")[0]
    return FLOORS.index(first) if first in FLOORS else 0


def graph():
    names = dict(modules())
    found = {}
    for module, path in names.items():
        inside = {name.removeprefix("disentanglement.") for name in imports(path)}
        found[module] = {name for name in inside if name in names} - {"", module}
    return found


def test_every_folder_is_a_floor():
    folders = {path.name for path in PACKAGE.iterdir() if path.is_dir()} - {"__pycache__"}
    assert folders == set(FLOORS) - {""}


def test_imports_go_down():
    upwards = [
        f"{module} -> {other}"
        for module, others in graph().items()
        for other in others
        if module not in COMMANDS and floor(other) > floor(module)
    ]
    assert upwards == []


def test_no_circles():
    found = graph()
    # engine/__init__ loads one of its two halves by name; they do not import it.
    assert set(TopologicalSorter(found).static_order()) == set(found)


def test_nothing_imports_the_commands():
    assert not [m for m, others in graph().items() if others & COMMANDS]


def test_metrics_know_nothing_but_arrays():
    allowed = {"binning", "errors", "wording"}
    for module, others in graph().items():
        if module.startswith("metrics"):
            assert all(other.startswith("metrics") or other in allowed for other in others), module


def test_scoring_and_preparing_do_not_import_the_gpu_scheduler():
    found = graph()

    def reached(module, seen):
        for other in found[module] - seen:
            seen.add(other)
            reached(other, seen)
        return seen

    for module in ("evaluation.score_command", "data.celeba.prepare", "data.teapots.command"):
        assert "experiments.launchers.local" not in reached(module, set())
    assert "gpu_task_scheduler" in set(imports(PACKAGE / "experiments" / "launchers" / "local.py"))
