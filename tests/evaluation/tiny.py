"""A network that trains in no time, named in the tests' recipe."""

from salgan.networks import Generator


def network() -> Generator:
    """An untrained light network; the experiment needs weights that load_network can read."""
    return Generator("mobilenetv3_small_050", decoder={"width": 8})
