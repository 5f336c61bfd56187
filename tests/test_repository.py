"""What the repository holds besides code: sizes of files, the changelog's version, the pages' list."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

import salgan

HOME = Path(__file__).parents[1]
LARGEST = 400 * 1024
MAY_BE_LARGE = ("release/", "src/salgan/models/weights/")


@pytest.fixture(scope="module")
def tracked() -> list[str]:
    if not (HOME / ".git").exists():
        pytest.skip("this is not a checkout")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=HOME, capture_output=True, text=True, check=True)
    return [name for name in listed.stdout.split("\0") if name and (HOME / name).is_file()]


def test_no_file_is_large_outside_release_and_the_bundled_weights(tracked):
    assert len(tracked) > 100
    small = [name for name in tracked if not name.startswith(MAY_BE_LARGE)]
    assert {name: size for name in small if (size := (HOME / name).stat().st_size) > LARGEST} == {}


def test_names_of_files_work_on_windows(tracked):
    lowered = [name.lower() for name in tracked]
    assert len(set(lowered)) == len(lowered)
    reserved = re.compile(r'(^|/)(con|prn|aux|nul|com\d|lpt\d)(\.|/|$)|[<>:"|?*\\]|[. ](/|$)', re.IGNORECASE)
    assert [name for name in tracked if reserved.search(name)] == []


def test_the_changelog_begins_with_the_version_that_the_package_has():
    headings = re.findall(r"^## \[(.+?)\]", (HOME / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert next(name for name in headings if name != "Unreleased") == salgan.__version__
    citation = (HOME / "CITATION.cff").read_text(encoding="utf-8")
    assert f"\nversion: {salgan.__version__}\n" in citation


def test_every_page_has_its_place_in_the_list_of_pages():
    nav = tomllib.loads((HOME / "zensical.toml").read_text(encoding="utf-8"))["project"]["nav"]
    listed = re.findall(r"[\w/.-]+\.md", str(nav))
    pages = {path.relative_to(HOME / "docs").as_posix() for path in (HOME / "docs").rglob("*.md")}
    assert sorted(listed) == sorted(pages)


def test_the_workflow_calls_only_targets_that_the_makefile_has():
    workflow = HOME / ".github" / "workflows" / "ci.yml"
    if not workflow.is_file():
        pytest.skip("the workflow is not part of this source distribution")
    calls = re.findall(r"run: make ([a-z -]+)", workflow.read_text(encoding="utf-8"))
    called = {target for call in calls for target in call.split()}
    targets = set(re.findall(r"^([a-z-]+):", (HOME / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert {"test", "lint", "types", "docs"} <= called <= targets
