"""The gold standard: viewers predict each other, as well as the data allow."""

import numpy as np
import pytest
from PIL import Image

from salgan.datasets import Dataset, Fixations, Stimulus
from salgan.errors import ModelError
from salgan.evaluation import EvaluationProtocol, compare, evaluate, open_data
from salgan.evaluation.compare import explained
from salgan.evaluation.gold import WIDTHS, Gold, fit
from salgan.saliency_map import SaliencyMap

HEIGHT, WIDTH = 48, 64
RULES = EvaluationProtocol(("ig_density", "log_likelihood"), sigma=3, maps="density")


def true_density(number, scale=1):
    """Two blobs at places that differ from picture to picture, on a little of the uniform density."""
    rng = np.random.default_rng(number)
    y, x = np.mgrid[: scale * HEIGHT, : scale * WIDTH] / scale
    blobs = sum(
        np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / (2 * 4**2))
        for cx, cy in rng.uniform([8, 8], [WIDTH - 8, HEIGHT - 8], (2, 2))
    )
    return 0.95 * blobs / blobs.sum() + 0.05 / blobs.size


@pytest.fixture
def drawn(tmp_path):
    """A set whose fixations are drawn from known densities: ``drawn(viewers)``."""

    def make(viewers, each=5, pictures=12, scale=1, draw=0):
        stimuli, width = [], scale * WIDTH
        for number in range(pictures):
            path = tmp_path / f"{number:02d}.png"
            Image.new("L", (width, scale * HEIGHT), number).save(path)
            rng = np.random.default_rng([viewers, number, draw] if draw else [viewers, number])
            density = true_density(number, scale).ravel()
            place = rng.choice(density.size, viewers * each, p=density)
            viewer = np.repeat(np.arange(viewers), each)
            fixations = Fixations(place % width, place // width, viewer)
            stimuli.append(Stimulus(f"{number:02d}", path, fixations=fixations))
        return Dataset("drawn", None, tuple(stimuli), "folder")

    return make


class Truth:
    """The model that knows the density, or a power of it; it reads the picture's number from its grey."""

    def __init__(self, power=1.0):
        self.name = "truth" if power == 1 else f"truth**{power}"
        self.power = power

    def predict(self, picture):
        density = true_density(int(picture[0, 0, 0]), len(picture) // HEIGHT) ** self.power
        return SaliencyMap((density / density.max()).astype(np.float32))


def test_gold_approaches_the_true_density_as_viewers_grow_and_does_not_pass_it(drawn, tmp_path):
    gaps = []
    for viewers in (3, 10, 40):
        data = drawn(viewers)
        gold = evaluate("baseline:gold", data, tmp_path / f"gold{viewers}", protocol=RULES)
        truth = evaluate(Truth(), data, tmp_path / f"truth{viewers}", protocol=RULES)
        (gain, _) = compare(truth, gold).differences
        gaps.append(-gain.difference.mean)
        # No more than noise better than what the fixations were drawn from.
        assert gain.difference.low < 0.05
    assert gaps[0] > gaps[1] > gaps[2]
    assert gaps[2] < 0.25 * gaps[0]


def test_no_model_beats_gold_on_the_same_viewers_by_more_than_noise(drawn, tmp_path):
    # Many viewers, on pictures large enough for few to meet in a pixel. A model is better by noise alone if
    # its lead is smaller than what its score moves by when others look at the same pictures.
    data, again = (drawn(20, each=60, pictures=6, scale=4, draw=draw) for draw in (0, 1))
    gold = evaluate("baseline:gold", data, tmp_path / "gold", protocol=RULES)
    leads = {}
    for model in (Truth(), Truth(1.3), Truth(0.8), "baseline:center-bias", "baseline:uniform"):
        name = str(getattr(model, "name", model)).replace(":", "-")
        results = evaluate(model, data, tmp_path / name, protocol=RULES)
        others = evaluate(model, again, tmp_path / f"{name}-again", protocol=RULES)
        moves = results.columns["ig_density"] - others.columns["ig_density"]
        lead = compare(gold, results).differences[0].difference.mean
        assert lead < 1.96 * moves.std(ddof=1) / np.sqrt(len(moves)) + 1e-9
        leads[name] = lead
    # The true density is the best of them, and the only one that comes near.
    assert max(leads, key=leads.get) == "truth"
    assert leads["baseline-center-bias"] < leads["truth**1.3"] < leads["truth"] < 0.05


def test_every_fixated_pixel_is_scored_once_on_a_density_of_other_viewers(drawn):
    gold = Gold("gold")
    (stimulus, *_) = drawn(4).stimuli
    scored = []
    for predicting, left_out in gold.folds(stimulus):
        assert not set(predicting.fixations.viewer) & set(left_out.fixations.viewer)
        scored += zip(left_out.fixations.x, left_out.fixations.y, strict=True)
    assert sorted(scored) == sorted(set(zip(stimulus.fixations.x, stimulus.fixations.y, strict=True)))
    halves = [set(left_out.fixations.viewer) for _, left_out in Gold("gold-half").folds(stimulus)]
    assert [len(half) for half in halves] == [2, 2]
    assert halves[0] | halves[1] == {0, 1, 2, 3}


def test_the_fit_finds_the_mixture_that_fixations_were_drawn_from():
    rng = np.random.default_rng(0)
    uniform = np.full(20_000, 1e-3)
    from_kernel = rng.random(20_000) < 0.7
    kernels = np.stack([np.where(from_kernel, 0.01 + 0.02 * (n == 3), 1e-6) for n in range(len(WIDTHS))])
    bias = np.where(from_kernel, 1e-9, 2e-3)
    mixture = fit((kernels, bias, uniform))
    assert mixture.width == WIDTHS[3]
    assert mixture.shares[0] == pytest.approx(0.7, abs=0.02)
    assert sum(mixture.shares) == pytest.approx(1)


def test_its_map_is_a_density_and_its_likelihoods_are_those_of_the_map(drawn):
    (stimulus, *_) = drawn(6).stimuli
    gold = Gold("gold-per-picture")
    kernels, _, _ = gold._likelihoods([(stimulus, None)])
    predicting, left_out = next(gold.folds(stimulus))
    from salgan.evaluation.gold import Mixture

    density = Mixture(WIDTHS[4], (1.0, 0.0, 0.0)).density(predicting, None)
    assert density.sum() == pytest.approx(1)
    fixated = left_out.fixation_map()
    np.testing.assert_allclose(density[fixated], kernels[4][: fixated.sum()], rtol=1e-9)


def test_a_model_is_told_what_share_of_the_information_it_explains(drawn, tmp_path):
    data = drawn(10)
    gold = evaluate("baseline:gold", data, tmp_path / "gold", protocol=RULES)
    truth = evaluate(Truth(), data, tmp_path / "truth", protocol=RULES)
    told = explained(compare(gold, truth))
    share = truth.columns["ig_density"].mean() / gold.columns["ig_density"].mean()
    assert told == f"explained information: truth has {share:.1%} of the gold standard's"
    assert explained(compare(truth, truth)) is None
    assert "the gold standard is a kernel of" in (tmp_path / "gold" / "summary.md").read_text()


@pytest.mark.parametrize("name", ["gold", "gold-half", "gold-per-picture"])
def test_a_picture_that_one_viewer_saw_is_noted_and_the_others_are_scored(drawn, tmp_path, name):
    data = drawn(4, pictures=3)
    alone, *others = data.stimuli
    seen = alone.fixations
    alone = alone.with_fixations(Fixations(seen.x, seen.y, np.zeros(len(seen), np.int64)))
    data = Dataset("drawn", None, (alone, *others), "folder")
    results = evaluate(f"baseline:{name}", data, tmp_path / "out", protocol=RULES)
    assert np.isfinite(results.columns["ig_density"]).tolist() == [False, True, True]
    assert results.notes == (f"{name}: fewer than two viewers looked at the picture", "", "")


def test_all_three_kinds_are_evaluated_and_sets_without_viewers_are_refused(drawn, small, tmp_path):
    data = drawn(5, pictures=6)
    for name in ("gold", "gold-half", "gold-per-picture"):
        results = evaluate(f"baseline:{name}", data, tmp_path / name, protocol=RULES)
        assert results.columns["ig_density"].mean() > 0.5, name
    root = small({"a": [], "b": []})
    for name in "ab":
        (root / "fixations" / f"{name}.csv").write_text("x,y\n3,4\n5,6\n")
    with pytest.raises(ModelError, match="who looked where"):
        evaluate("baseline:gold", open_data(root), tmp_path / "no", protocol=RULES)
