"""The examples in the docstrings give what they say."""

import doctest
import importlib
import pkgutil
from collections.abc import Iterator

import numpy as np
import pytest

import salgan
from salgan.errors import MissingExtraError


def modules() -> Iterator[str]:
    """Every module of the package, but for those that run something when they are imported."""
    for found in pkgutil.walk_packages(salgan.__path__, "salgan.", onerror=lambda _: None):
        if not found.name.endswith("__main__"):
            yield found.name


def test_the_examples_in_the_docstrings_hold():
    tried = 0
    for name in ["salgan", *modules()]:
        try:
            module = importlib.import_module(name)
        except MissingExtraError:
            continue  # its examples are tried where its extra is installed
        result = doctest.testmod(module, extraglobs={"np": np, "salgan": salgan})
        assert result.failed == 0, f"{name}: see above"
        tried += result.attempted
    assert tried >= 20


@pytest.mark.parametrize(("text", "failures"), [(">>> 1 + 1\n2\n", 0), (">>> 1 + 1\n3\n", 1)])
def test_a_wrong_example_would_be_found(text, failures):
    runner = doctest.DocTestRunner(verbose=False)
    example = doctest.DocTestParser().get_doctest(text, {}, "example", None, 0)
    assert runner.run(example, out=lambda _: None).failed == failures
