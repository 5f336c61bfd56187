# /// script
# dependencies = ["salgan[train]", "optuna>=4"]
# ///
"""A sweep over a recipe with Optuna: which settings give the best validation score.

    pip install 'salgan[train]' optuna
    python examples/sweep.py lite sweep --trials 20 data=datasets bootstrap.epochs=3 limit=200

Each trial is a training run of its own in ``sweep/trial-000``, ``sweep/trial-001`` and so on, and the study
lies in ``sweep/study.db``. If the sweep is stopped, the same command goes on with it; a trial that was under
way is trained again with the same settings. Change SPACE to search for something else.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

import optuna

from salgan.training import load_config, train

SPACE = {
    "bootstrap.optimiser.lr": lambda trial, name: trial.suggest_float(name, 1e-4, 1e-2, log=True),
    "bootstrap.optimiser.weight_decay": lambda trial, name: trial.suggest_float(name, 1e-5, 1e-1, log=True),
    "content.nss": lambda trial, name: trial.suggest_float(name, 0.0, 0.2),
}
"""What is searched: settings of a recipe, and how Optuna draws them."""
LOWER_IS_BETTER = {"kld", "content"}


def sweep(recipe: str, out: Path, trials: int, overrides: list[str]) -> optuna.Study:
    """Train trials until there are so many, and return the study."""
    out.mkdir(parents=True, exist_ok=True)
    metric = load_config(recipe, [*overrides, f"out={out}"]).keep_best
    if metric is None:
        raise SystemExit("keep_best=null leaves nothing to compare trials by; name a score")
    study = optuna.create_study(
        study_name="sweep",
        storage=f"sqlite:///{out / 'study.db'}",
        load_if_exists=True,
        direction="minimize" if metric.rpartition("/")[2] in LOWER_IS_BETTER else "maximize",
        sampler=optuna.samplers.TPESampler(seed=0),
    )
    for trial in study.get_trials(states=[optuna.trial.TrialState.RUNNING]):  # of a sweep that was stopped
        study.enqueue_trial(trial.params)
        study.tell(trial.number, state=optuna.trial.TrialState.FAIL)

    def score(trial: optuna.Trial) -> float:
        settings = {name: draw(trial, name) for name, draw in SPACE.items()}
        folder = out / f"trial-{trial.number:03d}"
        shutil.rmtree(folder, ignore_errors=True)
        drawn = [f"{name}={value}" for name, value in settings.items()]
        outcome = train(load_config(recipe, [*overrides, *drawn, f"out={folder}"]), say=print)
        if not outcome.finished:
            raise KeyboardInterrupt
        if outcome.best is None:
            raise SystemExit("the recipe validates nothing, so trials cannot be compared")
        return outcome.best

    complete = study.get_trials(states=[optuna.trial.TrialState.COMPLETE])
    study.optimize(score, n_trials=max(0, trials - len(complete)))
    return study


def main() -> None:
    """Read the command line, run the sweep and print what was best."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("recipe", help="a recipe's name or file")
    parser.add_argument("out", type=Path, help="folder for the trials and the study")
    parser.add_argument("--trials", type=int, default=20)
    parser.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="settings of every trial")
    given = parser.parse_intermixed_args()
    study = sweep(given.recipe, given.out, given.trials, given.overrides)
    best = study.best_trial
    print(f"best: trial {best.number}, {best.value:.4f}, in {given.out / f'trial-{best.number:03d}'}")
    print("\n".join(f"  {name}={value:.3g}" for name, value in best.params.items()))


if __name__ == "__main__":
    main()
