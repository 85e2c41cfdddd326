"""Where the experiments are, and how tests replace an experiment's data and metrics."""

import shutil
from pathlib import Path

from disentanglement.experiments.load import ROOT, load

__all__ = ["DATA", "ROOT", "bars_experiment", "load"]
DATA = Path(__file__).parent / "data"


FEW_METRICS = """MetricLists(
    {name: ALL[name] for name in ("factor_vae", "dhsic")},
    {name: ALL[name] for name in ("factor_vae", "dci_rf_ibgan", "mig")},
)"""


def short_bars_experiment(folder):
    """Copy InfoGAN-CR_dSprites, with bars as its data, the tiny runs 3 and 4, and few metrics."""
    from tests import tiny  # imports TensorFlow

    folder = bars_experiment("InfoGAN-CR_dSprites", folder, FEW_METRICS)
    shared = {key: value for key, value in tiny.CONFIG.items() if key != "run"}
    text = (folder / "config.py").read_text()
    text += f"\nconfig['global_config'] = {shared}\nconfig['test_config'] = [{{'run': [3, 4]}}]\n"
    (folder / "config.py").write_text(text)
    return folder


def bars_experiment(name: str, folder: Path, metrics: str) -> Path:
    """Copy an experiment into `folder`, with tests.tiny's bars as its data.

    metrics: the Python expression of its MetricLists, in which ALL holds every metric.
    """
    shutil.copytree(
        ROOT / name, folder, ignore=shutil.ignore_patterns("results", "data", "__pycache__")
    )
    entry = next(path for path in (folder / "gan").iterdir() if "EXPERIMENT =" in path.read_text())
    text, count = entry.read_text(), 0
    for original in ("dsprites", "teapots"):
        count += text.count(f"{original}.load_for")
        text = text.replace(f"{original}.load_for", "lambda config, folder, say: Bars()")
        text = text.replace(f"    find_data={original}.find,\n", "")
    assert count == 1
    entry.write_text(text.replace("import sys\n", "import sys\nfrom tests.tiny import Bars\n", 1))
    (folder / "gan" / "metric.py").write_text(
        "from disentanglement.evaluation.metric_lists import MetricLists\n"
        "from disentanglement.metrics.suite import METRICS as ALL\n\n"
        f"METRIC_LISTS = {metrics}\n"
    )
    return folder
