"""python -m disentanglement.report: what is on the page, without a browser."""

import base64
import io
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from disentanglement import records
from disentanglement.experiments import queues, states
from disentanglement.experiments.report import charts, command, page
from disentanglement.experiments.report.collect import collect
from disentanglement.experiments.report.heat_maps import heat_maps
from disentanglement.experiments.report.traversals import strip_of
from disentanglement.training import activity
from tests import reports

WORDS = ("<script>window.hit = 1<img src=x onerror='window.hit = 2'>", "word")
TEMPLATES = Path(page.__file__).parent / "templates"


@pytest.fixture
def results(tmp_path):
    """A scored run, one that was stopped, one that failed, and one that was set aside."""
    results = tmp_path / "results"
    scored = reports.save_run(results / "lr-0.1,run-0,", lr=0.1)
    reports.save_scores(scored)
    reports.save_run(results / "lr-0.2,run-0,", state=states.STOPPED, lr=0.2)
    failed = reports.save_run(results / "lr-0.2,run-1,", 1, states.FAILED, lr=0.2)
    records.save(failed, records.read(failed) | {"why": "loss became nan in batch 7"})
    reports.save_run(results / "lr-0.1,run-0,.old-1", lr=0.3)
    return results


class Page(HTMLParser):
    """The parts of a page: its elements, the rows of its tables, its text outside scripts."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.rows, self.words = [], [], []
        self.inside, self.in_cell = "", False
        self.feed(text)
        self.text = " ".join("".join(self.words).split())

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        self.inside = tag if tag in ("script", "style") else self.inside
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")
            self.in_cell = True
        elif tag == "br" and self.in_cell:
            self.rows[-1][-1] += " "

    def handle_endtag(self, tag):
        self.inside = "" if tag == self.inside else self.inside
        self.in_cell = self.in_cell and tag not in ("td", "th")
        if tag not in ("wbr", "span", "label"):
            self.words.append(" ")

    def handle_data(self, data):
        if not self.inside:
            self.words.append(data)
            if self.in_cell:
                self.rows[-1][-1] += data

    def row(self, *start):
        """Return the cells of the first row that starts like this."""
        cells = ([" ".join(cell.split()) for cell in row] for row in self.rows)
        return next(row for row in cells if row[: len(start)] == list(start))


def render(results):
    return Page(page.render(results))


def test_states_labels_and_batches(results):
    with activity.claim(results / "lr-0.3,run-0,", activity.TRAINING) as work:
        reports.save_run(results / "lr-0.3,run-0,", state="training", lr=0.3)
        work.progress(50, 200)
        work._state["seconds_left"] = 75
        work._write()
        with queues.announced(results, "train", ["lr-0.4,run-0,"]):
            found = render(results)
    assert "5 runs: 1 scored, 1 stopped, 1 failed, 1 running, 1 queued" in found.text
    assert found.row("lr-0.1,run-0", "scored")[2:5] == ["200 of 200", "", "factor_vae 0.700"]
    assert found.row("lr-0.2,run-0", "stopped")[5] == "main.py resumes"
    assert "loss became nan in batch 7" in found.row("lr-0.2,run-1", "failed")[5]
    running = found.row("lr-0.3,run-0", "running")
    assert running[2:4] == ["50 of 200 25 %", "01:15"]
    assert found.row("lr-0.4,run-0", "queued")[5] == "a main script will train it"
    assert "old-1" not in found.text


def test_only_config_keys_that_differ(results):
    found = render(results)
    assert found.row("run", "run") == ["run", "run", "lr"]
    assert found.row("lr-0.2,run-1", "1") == ["lr-0.2,run-1", "1", "0.2"]
    assert "batch_size 64" in found.text.replace(":", "")  # among those that all share


def test_scores_beside_the_papers(results):
    reports.save_scores(reports.save_run(results / "lr-0.1,run-1,", 1, lr=0.1), factor_vae=0.85)
    found = render(results)
    assert found.row("InfoGAN-CR", "ours")[2:5] == ["200", "2", "0.80 ± 0.05"]
    assert found.row("InfoGAN-CR", "paper")[4] == "0.88 ± 0.01"
    assert found.row("lr-0.1,run-1", "0.850") == ["lr-0.1,run-1", "0.850", "0.250"]


def test_times_hardware_and_versions(results):
    cells = render(results).row("lr-0.1,run-0", "2026-01-31 12:00:00")
    assert cells[2:] == ["2 min", "2.0", "CPU", "a CPU", "3.99.0"]


def test_heat_maps_name_codes_and_factors(results):
    record = records.read(results / "lr-0.1,run-0,", "final_metrics.json")
    votes, importance, information = heat_maps(record)
    assert votes.title == "votes (factor_vae)"
    assert importance.title == "importance (dci_rf_ibgan)"
    assert information.title == "mutual information (mig)"
    assert votes.factors == tuple(reports.FACTORS)
    assert votes.cells[1][:3] == (("0", 0), ("100", 100), ("0", 0))
    assert importance.cells[0][:2] == (("0.50", 100), ("0.00", 0))
    record["metrics"]["dci_rf_ibgan"]["evidence"]["importance"] = [[float("nan"), 1.0]]
    record["metrics"]["factor_vae"] = {"evidence": {"votes": "damaged"}}
    importance = heat_maps(record)[0]
    assert (importance.factors, importance.cells) == (
        ("factor 0", "factor 1"), ((("NaN", 0), ("1.00", 100)),)
    )  # fmt: skip


def test_traversals_are_cut_at_the_borders(results):
    run = collect(results)[0]
    strip = strip_of(run)
    assert strip.labels == tuple(
        f"code_{i}: {factor}" for i, factor in enumerate(reports.FACTORS)
    )  # whose mutual information is one
    assert (strip.columns, strip.width, strip.height) == (4, 16, 16)
    np.testing.assert_array_equal(pixels(strip), joined(reports.tiles()))


def test_traversals_of_a_run_under_way_are_its_last_grids(results):
    run = collect(results)[1]
    assert run.state.name == states.STOPPED
    for batch in (99, 199):
        for latent in range(6):
            picture = reports.tiles(rows=2)
            picture[0, :, :, :, 2] = batch + latent
            name = f"epoch_id-0,batch_id-7,global_id-{batch},latent-{latent}.png"
            reports.save_tiles(run.folder / "sample" / name, picture)
    strip = strip_of(run)
    assert strip.labels == (*(f"code_{i}" for i in range(5)), "noise")
    assert strip.about == "after 200 batches"
    assert pixels(strip)[::16, 0, 2].tolist() == [199 + latent for latent in range(6)]


def test_traversals_of_earlier_versions(results):
    run = collect(results)[1]
    grid = joined(reports.tiles(rows=2))  # without borders: 2 rows and 4 columns, as in the config
    for latent in range(2):
        path = run.folder / "sample" / f"epoch_id-0,batch_id--1,global_id-99,latent-{latent}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(grid).save(path)
    strip = strip_of(run)
    np.testing.assert_array_equal(pixels(strip), np.concatenate([grid[:16]] * 2))
    finished = collect(results)[0]
    Image.fromarray(grid).save(finished.folder / "traversal.png")
    assert strip_of(finished).labels == ()  # shown as it is
    assert "data:image/webp" in dict(render(results).elements)["img"]["src"]
    (finished.folder / "traversal.png").write_bytes(b"half")
    assert strip_of(finished) is None


def joined(tiles):
    return np.concatenate([np.concatenate(row, axis=1) for row in tiles])


def pixels(strip):
    data = base64.b64decode(strip.picture.partition(",")[2])
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def test_many_points_are_thinned(results, monkeypatch):
    monkeypatch.setattr(charts, "_POINTS", 60)
    table = reports.metric_table(np.arange(1000) / 1000)
    (results / "lr-0.1,run-0," / "metric.csv").write_text(table)
    (chart,) = charts.charts(collect(results))
    assert chart.thinned
    assert chart.paper == ("InfoGAN-CR: 0.88 after 322,560 batches",)
    (points,) = (lines for lines in lists_in(chart.item, "y") if len(lines[0]) == 20)
    assert points[0][0] == 0
    assert points[0][-1] == 0.999  # the first and the last stay
    assert points[1] == [0.3, 0.5, 0.7]


def lists_in(value, name):
    """Yield the lists of lists of this name anywhere in a JSON value."""
    if isinstance(value, dict):
        for item in value.values():
            yield from lists_in(item, name)
    elif isinstance(value, list | tuple):
        if len(value) == 2 and value[0] == name and isinstance(value[1], list):
            yield value[1]
        for item in value:
            yield from lists_in(item, name)


def test_names_with_html_are_escaped(tmp_path):
    hostile, harmless = (hostile_page(tmp_path / str(i), word) for i, word in enumerate(WORDS))
    assert [e[0] for e in hostile.elements] == [e[0] for e in harmless.elements]
    for tag, attributes in hostile.elements:
        assert not {name for name in attributes if name.startswith("on")}, tag
    name = f"lr-{WORDS[0]}0"
    assert hostile.row(name, "scored")
    assert hostile.row(name, f"\"'{WORDS[0]}")
    assert hostile.row("run", "started")[-1] == WORDS[0]
    assert WORDS[0] in hostile.row("", "shape</td>")


def hostile_page(results, word):
    """Return the page of runs in which everything that can have a name has this one."""
    for i in range(2):
        folder = results / f"lr-{word}{i},run-0,"
        table = reports.metric_table([0.5], [word])
        reports.save_run(folder, table=table, **{"lr": f"\"'{word}"} if i == 0 else {})
        factors = ["shape</td>", "\"'&", word, "&lt;", "]]>-->"]
        reports.save_scores(folder, factors=factors, **{word: float("nan")})
        more = {"hardware": {"host": word}, "started": word, "why": word, "versions": {word: word}}
        records.save(folder, records.read(folder) | more)
    return render(results)


def test_nan_and_infinite_scores(results):
    folder = results / "lr-0.1,run-0,"
    (folder / "metric.csv").write_text(reports.metric_table(["nan", 0.5, "inf", ""]))
    reports.save_scores(folder, factor_vae=float("nan"))
    found = render(results)
    assert found.row("lr-0.1,run-0", "NaN") == ["lr-0.1,run-0", "NaN", "0.250"]
    assert found.row("InfoGAN-CR", "ours")[4] == ""
    (folder / "metric.csv").write_text(reports.metric_table(["nan"]))
    json.loads(json.dumps([chart.item for chart in charts.charts(collect(results))]))


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\0", b"a,b\n1,2\n", b"global_id,mig\n9,high\n"])
def test_damaged_metric_table(results, content):
    (results / "lr-0.1,run-0," / "metric.csv").write_bytes(content)
    found = render(results)
    assert "What could not be read" in found.text
    assert "metric.csv: not a metric table" in found.text
    assert found.row("lr-0.1,run-0", "scored")


@pytest.mark.parametrize("content", ["{", "[]", "\0", '{"state": "finished"'])
def test_damaged_json(results, content):
    run, scores = results / "lr-0.2,run-0," / "run.json", results / "lr-0.1,run-0,"
    run.write_text(content)
    (scores / "final_metrics.json").write_text(content)
    found = render(results)
    assert found.row("lr-0.2,run-0", "failed")
    assert f"{scores / 'final_metrics.json'}: cannot be read" in found.text
    assert f"{run}: cannot be read" in found.text


@pytest.mark.parametrize(
    "record",
    [
        {"state": "finished", "config": "none"},
        {"state": 7, "config": reports.CONFIG, "batches": "many", "seconds": "long"},
        {"state": "finished", "config": {"tc_coe": 1.0}, "hardware": "a CPU", "versions": [1]},
        {"state": "stopped", "config": reports.CONFIG, "warnings": [1], "sessions": 3},
        {"config": reports.CONFIG | {"epoch": float("nan")}, "data": None, "source": "git"},
    ],
)
def test_records_of_another_form(results, record):
    records.save(results / "lr-0.1,run-0,", record)
    assert render(results).row("lr-0.1,run-0")


def test_a_folder_with_scores_only(tmp_path):
    reports.save_scores(tmp_path / "a" / "run-0,")
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "metric.csv").write_text(reports.metric_table([0.1]))
    found = render(tmp_path)
    assert found.row("a/run-0", "no record")
    assert found.row("b", "no record")
    assert found.row("InfoGAN-CR", "ours")


def test_scores_of_other_encoders_are_in_the_table(results):
    reports.save_scores(results / "encoders", "pca.json", mig=0.5)
    assert found_runs(results) == ["lr-0.1,run-0", "lr-0.2,run-0", "lr-0.2,run-1"]
    assert render(results).row("InfoGAN-CR", "ours")[3] == "2"


def test_a_published_copy_of_a_run_counts_once(tmp_path):
    run = reports.save_run(tmp_path / "runs" / "run-0,")
    reports.save_scores(run)
    (run / "checkpoint").mkdir()
    copy = tmp_path / "records" / "run-0,"
    copy.mkdir(parents=True)
    for name in ("run.json", "metric.csv", "final_metrics.json"):
        (copy / name).write_bytes((run / name).read_bytes())
    assert [run.folder for run in collect(tmp_path)] == [tmp_path / "runs" / "run-0,"]
    assert found_runs(tmp_path / "records") == ["run-0"]
    assert collect(tmp_path / "records")[0].state.name == states.SCORED


def found_runs(results):
    return [run.label for run in collect(results)]


def test_stale_scores_are_left_out(results):
    folder = results / "lr-0.1,run-0,"
    record = records.read(folder, "final_metrics.json")
    record["model"]["checkpoint"] = "0123456789abcdef"
    records.save(folder, record, "final_metrics.json")
    (folder / "checkpoint").mkdir()
    (folder / "checkpoint" / "model.npz").write_bytes(b"trained further")
    found = render(results)
    assert "its model was trained further" in found.text
    assert not any(row[:2] == ["InfoGAN-CR", "ours"] for row in found.rows)


@pytest.mark.slow
def test_forty_runs_fit_in_ten_megabytes(tmp_path):
    """With noise for pictures, which no format makes smaller, and curves as long as the paper's."""
    rng = np.random.default_rng(0)
    table = reports.metric_table(rng.random(812), ("factor_vae", "dhsic", "sample_quality"))
    for number in range(40):
        noise = rng.integers(256, size=(5, 10, 64, 64, 3), dtype=np.uint8)
        folder = tmp_path / f"run-{number},"
        reports.save_run(folder, number, table=table, picture=noise)
        for name in ("final_metrics.json", "final_metrics_global_id-287999.json"):
            reports.save_scores(folder, name)
    text = page.render(tmp_path)
    assert len(text) < 10e6
    assert "more runs are left out; see traversal.png in their folders" in Page(text).text


def test_the_command(results, tmp_path, capsys):
    out = tmp_path / "out.html"
    assert command.main([str(results), "--out", str(out)]) == 0
    assert capsys.readouterr().out.startswith(f"report: {out} (2 MB)")
    assert "Written 20" in Page(out.read_text()).text
    assert command.main([str(results), "--out", str(out)]) == 2
    assert "add --force" in capsys.readouterr().err
    assert command.main([str(results), "--out", str(out), "--force"]) == 0
    assert command.main([str(results), "--out", str(tmp_path / "out.png")]) == 2
    assert "must end in .html" in capsys.readouterr().err


def test_a_run_folder_itself_and_a_name_that_is_no_text(tmp_path, capsys):
    folder = reports.save_run(tmp_path / "lr-\udcff,run-0,")
    assert found_runs(folder) == ["run-0"]
    out = tmp_path / "out.html"
    assert command.main([str(folder), "--out", str(out)]) == 0
    assert Page(out.read_text(encoding="utf-8")).row("run-0", "finished")


def test_folders_without_runs(tmp_path, capsys):
    out = str(tmp_path / "out.html")
    (tmp_path / "empty").mkdir()
    assert command.main([str(tmp_path / "empty"), "--out", out]) == 2
    assert re.fullmatch(r"error: no runs in .*; train a run first .*\n", capsys.readouterr().err)
    assert command.main([str(tmp_path / "none"), "--out", out]) == 2
    assert capsys.readouterr().err.endswith("none: no such folder\n")


def test_watch_writes_the_page_anew(tmp_path, capsys, monkeypatch):
    results, out, pages = tmp_path / "results", tmp_path / "out.html", []

    def sleep(seconds):
        assert 1 <= seconds <= 7
        pages.append(out.read_text() if out.exists() else None)
        if len(pages) == 1:
            reports.save_run(results / "run-0,", state=states.STOPPED)
        elif len(pages) == 2:
            reports.save_run(results / "run-0,")
        else:
            raise KeyboardInterrupt

    monkeypatch.setattr(command.time, "sleep", sleep)
    results.mkdir()
    assert command.main([str(results), "--out", str(out), "--watch", "7"]) == 130
    said = capsys.readouterr()
    assert said.out.count("waiting: no runs in") == said.out.count("report: ") == 1
    assert "the page stays" in said.err
    assert pages[0] is None
    assert Page(pages[1]).row("run-0", "stopped")
    assert Page(pages[2]).row("run-0", "finished")
    assert dict(Page(pages[2]).elements)["body"] == {"data-watch": "7.0"}
    with pytest.raises(SystemExit):
        command.main([str(results), "--watch", "0"])


def test_leaving_a_page_never_fails(results, capsys, monkeypatch):
    out = results / command.NAME
    command.leave_page(results)
    first = out.read_text()
    assert capsys.readouterr().out.startswith(f"report: {out}")
    reports.save_run(results / "lr-0.6,run-0,", lr=0.6)
    command.leave_page(results)
    assert out.read_text() != first
    out.write_text("a page of the user's own")
    command.leave_page(results)
    assert out.read_text() == "a page of the user's own"
    command.leave_page(results / "none")
    assert "note: no report page: " in capsys.readouterr().out

    def fail(*arguments):
        raise ZeroDivisionError

    out.unlink()
    monkeypatch.setattr(page, "render", fail)
    command.leave_page(results)
    assert "please report this bug" in capsys.readouterr().out
    assert not out.exists()


def luminance(color):
    parts = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return np.dot(linear, [0.2126, 0.7152, 0.0722])


def contrast(one, other):
    low, high = sorted([luminance(one), luminance(other)])
    return (high + 0.05) / (low + 0.05)


def test_contrasts_are_those_of_wcag_aa():
    css = (TEMPLATES / "report.css").read_text()
    schemes = [dict(re.findall(r"--(\w+): (#\w{6})", block)) for block in css.split("@media")[:2]]
    for scheme in schemes:
        for back in ("back", "panel"):
            for text in ("text", "quiet", "accent"):
                assert contrast(scheme[text], scheme[back]) >= 4.5
            for color in (scheme["control"], *charts.COLORS):
                assert contrast(color, scheme[back]) >= 3
        assert contrast(scheme["text"], scheme["heat"]) >= 4.5
