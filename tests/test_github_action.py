"""The example for GitHub: its YAML is valid, and its steps run as written, on made-up screenshots."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image, ImageDraw

from tests._scripts import script_at

HOME = Path(__file__).parents[1]
ACTION = HOME / "examples" / "github-action"

yaml = pytest.importorskip("yaml", reason="the extra train is not installed")


@pytest.fixture(scope="module")
def steps() -> dict[str, str]:
    """The scripts of the workflow's steps by their names."""
    jobs = yaml.safe_load((ACTION / "attention.yml").read_text(encoding="utf-8"))["jobs"]
    return {step["name"]: step["run"] for step in jobs["attention"]["steps"] if "name" in step}


@pytest.fixture(scope="module")
def comment():
    """The script as a module."""
    return script_at(ACTION / "comment.py")


def screenshot(path: Path, button: tuple[int, int, int]) -> None:
    picture = Image.new("RGB", (240, 160), "white")
    draw = ImageDraw.Draw(picture)
    draw.rectangle((150, 100, 220, 140), fill=button)
    draw.text((20, 20), "Welcome", "black")
    picture.save(path)


def test_the_workflows_are_as_github_describes_them():
    pytest.importorskip("check_jsonschema", reason="check-jsonschema is not installed")
    files = [ACTION / "attention.yml", *(HOME / ".github" / "workflows").glob("*.yml")]
    order = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-workflows"]
    done = subprocess.run([*order, *map(str, files)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    broken = files[0].read_text(encoding="utf-8").replace("runs-on:", "run-on:")
    done = subprocess.run([*order, "-"], input=broken, capture_output=True, text=True)
    assert done.returncode == 1


@pytest.mark.skipif(
    not (shutil.which("git") and shutil.which("bash")), reason="there is no git and bash here"
)
def test_the_steps_measure_both_sides_and_write_the_comment(steps, tmp_path):
    commands = tmp_path / "commands"
    commands.mkdir()
    for name, order in {"salgan": f'"{sys.executable}" -m salgan', "python": f'"{sys.executable}"'}.items():
        (commands / name).write_text(f'#!/bin/sh\nexec {order} "$@"\n')
        (commands / name).chmod(0o755)
    home = tmp_path / "repository"
    (home / "screenshots").mkdir(parents=True)
    (home / ".github").mkdir()
    shutil.copy(ACTION / "comment.py", home / ".github")
    regions = [{"name": "cta", "box": [0.62, 0.6, 0.3, 0.3]}]
    (home / "screenshots" / "regions.json").write_text(json.dumps(regions))
    environment = {
        **os.environ,
        "PATH": f"{commands}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(HOME / "src"),
        "GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md"),
        "GIT_CONFIG_GLOBAL": os.devnull,
    }

    def run(script: str, code: int = 0) -> None:
        order = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script]  # as GitHub runs a step
        done = subprocess.run(order, cwd=home, env=environment, capture_output=True, text=True)
        assert done.returncode == code, done.stderr

    commit = "git add screenshots && git -c user.name=a -c user.email=a@example.org commit -qm change"
    screenshot(home / "screenshots" / "home.png", (235, 235, 235))
    run(f"git init -q && {commit}")
    screenshot(home / "screenshots" / "home.png", (200, 30, 30))
    screenshot(home / "screenshots" / "signup.png", (30, 30, 200))
    run(commit)
    for script in steps.values():
        run(script)

    now = json.loads((home / "now.json").read_text())
    before = json.loads((home / "before.json").read_text())
    share = {Path(each["picture"]["path"]).name: each["regions"][0]["share"] for each in now["pictures"]}
    lines = (home / "comment.md").read_text(encoding="utf-8").splitlines()
    assert lines[0] == "<!-- salgan -->"
    assert lines[3] == "| screenshot | region | before | attention | in 16 views | area |"
    home_row, signup_row = lines[5:7]
    assert home_row.startswith(
        f"| `home.png` | `cta` | {before['regions'][0]['share']:.1%} | {share['home.png']:.1%}"
    )
    assert signup_row.startswith(f"| `signup.png` | `cta` | new | {share['signup.png']:.1%} |")
    assert re.search(r"\| \d+\.\d% to \d+\.\d% \| 9\.0% \|$", signup_row)
    assert (tmp_path / "summary.md").read_text(encoding="utf-8").splitlines() == lines

    # A region that gets too little fails the job, and the comment comes first.
    run("rm -rf before now.json before.json comment.md && git worktree prune")
    first, *others, last = steps.values()
    run(first.replace("--quiet ||", "--quiet --fail-under cta=99% ||"))
    for script in others:
        run(script)
    assert "`signup.png`" in (home / "comment.md").read_text(encoding="utf-8")
    run(last, code=3)


def test_screenshots_of_one_name_in_two_folders_have_a_row_each(comment, tmp_path):
    region = {"name": "cta", "share": 0.5, "area": 0.1}
    paths = ["before/screenshots/desktop/home.png", "before/screenshots/mobile/home.png", "home.png"]
    reports = [{"picture": {"path": path}, "regions": [region]} for path in paths]
    (tmp_path / "now.json").write_text(json.dumps({"pictures": reports}))
    assert list(comment.pictures(tmp_path / "now.json")) == [
        "desktop/home.png",
        "mobile/home.png",
        "home.png",
    ]


def test_an_arrow_marks_only_what_differs_in_every_view(comment):
    def report(share, interval):
        region = {"name": "cta", "share": share, "interval": interval, "area": 0.1}
        return {"a.png": {"picture": {"path": "a.png"}, "regions": [region]}}

    before = report(0.20, [0.18, 0.22])
    assert "| 30.0% ⬆ |" in comment.comment(report(0.30, [0.28, 0.33]), before)
    assert "| 10.0% ⬇ |" in comment.comment(report(0.10, [0.09, 0.12]), before)
    assert "| 23.0% |" in comment.comment(report(0.23, [0.21, 0.25]), before)
    fast = report(0.30, None)
    assert "| 30.0% |" in comment.comment(fast, before)
    assert "before" not in comment.comment(fast, {})


def test_a_name_that_holds_markdown_stays_one_cell_of_code(comment):
    region = {"name": "a|b`\n@everyone", "share": 0.5, "area": 0.1}
    said = comment.comment({"a.png": {"picture": {"path": "a.png"}, "regions": [region]}}, {})
    assert "| `a\\|b' @everyone` |" in said
