"""Training: recipes, prepared data, losses, and the run that makes a network."""

from salgan.training.config import Config, load_config
from salgan.training.run import Outcome, train

__all__ = ["Config", "Outcome", "load_config", "train"]
