"""main_final_metrics.py as a user runs it, with stand-ins for training and scoring."""

import re

from tests.commands import METRICS, events, run


def score(folder, *arguments, **options):
    return run(folder, *arguments, script="main_final_metrics.py", **options)


def scored(folder):
    return [number for what, number, *_ in events(folder) if what == "score"]


def test_trained_runs_are_scored_once(experiment):
    run(experiment, "--runs", "3-4", SECONDS="0")
    first = score(experiment, "--runs", "3-5")
    assert first.returncode == 0, first.stdout + first.stderr
    assert "3 runs, 2 to score on this CPU" in first.stdout
    assert scored(experiment) == [3, 4]
    assert first.stdout.count("factor_vae 0.700") == 2
    assert len(re.findall("new .*run-5,", first.stdout)) == 1
    names = {path.name for path in experiment.glob("results/*run-3,/final_metrics*")}
    assert names == {"final_metrics.json", "final_metrics_global_id-7.json"}
    again = score(experiment, "--runs", "3-5")
    assert "3 runs, 0 to score" in again.stdout
    assert scored(experiment) == [3, 4]


def test_a_new_metric_or_a_new_checkpoint_is_scored(experiment):
    run(experiment, "--runs", "3-4", SECONDS="0")
    score(experiment)
    (path,) = experiment.glob("results/*run-3,/checkpoint/global_id-7/model.npz")
    path.write_text("trained again")
    assert "1 to score" in score(experiment, "--dry-run").stdout
    more = METRICS.replace("None}", "None, 'mig': None}")
    (experiment / "gan" / "metric.py").write_text(more)
    assert "2 to score" in score(experiment, "--dry-run").stdout


def test_scoring_again_keeps_the_old_scores(experiment):
    run(experiment, "--runs", "3", SECONDS="0")
    score(experiment)
    result = score(experiment, "--set", "force_rerun=True")
    assert result.returncode == 0
    assert scored(experiment) == [3, 3]
    assert len(list(experiment.glob("results/*run-3,/final_metrics*.old-1.json"))) == 2


def test_a_trained_run_is_not_called_failed_if_scoring_fails(experiment):
    run(experiment, "--runs", "3", SECONDS="0")
    result = score(experiment, "--runs", "3", SCORING_FAILS="1")
    assert result.returncode == 1
    assert "run-3, failed (exit status 2); last lines of" in result.stdout
    assert re.search(
        r"\n  not scored .*run-3,  failed \(exit status 2\); see .*worker.log\n", result.stdout
    )
    assert not re.search(r"\n  failed ", result.stdout)


def test_scoring_on_gpus(experiment):
    run(experiment, "--runs", "3-4", SECONDS="0")
    result = score(experiment, gpus=[0])
    assert result.returncode == 0, result.stdout + result.stderr
    assert sorted(scored(experiment)) == [3, 4]


def test_nothing_to_score(experiment):
    result = score(experiment)
    assert result.returncode == 2
    assert result.stderr == "error: none of these runs has finished training: run main.py first\n"
