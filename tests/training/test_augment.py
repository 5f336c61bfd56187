"""Augmentation: pictures, densities and fixations changed alike, the same for the same (seed, epoch)."""

import numpy as np
import pytest
import torch

from salgan.training.augment import DRAWS, augmented, epoch_draws
from salgan.training.config import Augmentation
from salgan.training.data import Batch


def drawn(**numbers):
    """Random numbers for two pictures: a half, which changes nothing, unless named."""
    draws = np.full((2, len(DRAWS)), 0.5, dtype=np.float32)
    for name, value in numbers.items():
        draws[:, DRAWS.index(name)] = value
    return draws


def test_draws_belong_to_a_picture_whatever_batch_it_is_in():
    draws = epoch_draws(1, 2, 10)
    assert draws.shape == (10, len(DRAWS))
    assert ((draws >= 0) & (draws < 1)).all()
    assert np.array_equal(draws, epoch_draws(1, 2, 10))
    assert not np.array_equal(draws, epoch_draws(1, 3, 10))
    assert len(np.unique(draws)) == draws.size


@pytest.fixture
def batch():
    """Two pictures that show their own coordinates, so that every change can be read off."""
    across = torch.arange(16.0).expand(2, 3, 8, 16).clone()
    density = across[:, :1] / 15
    fixations = torch.zeros(2, 1, 8, 16, dtype=torch.bool)
    fixations[:, 0, 3, 2] = True
    return Batch(across, density, fixations)


def test_a_flip_turns_picture_density_and_fixations_alike(batch):
    draws = drawn(flip=[0.1, 0.9])
    flipped = augmented(batch, Augmentation(hflip=0.5), draws)
    assert torch.equal(flipped.pictures[0], batch.pictures[0].flip(-1))
    assert torch.equal(flipped.density[0], batch.density[0].flip(-1))
    assert flipped.fixations[0].nonzero().tolist() == [[0, 3, 13]]
    assert torch.equal(flipped.pictures[1], batch.pictures[1])
    assert flipped.fixations[1].nonzero().tolist() == [[0, 3, 2]]


def test_a_crop_enlarges_the_same_window_of_all_three(batch):
    # The smallest side, a half, placed in the top left corner: columns 0 to 7 spread over 16.
    draws = drawn(flip=0.9, side=0, across=0, down=0)
    cropped = augmented(batch, Augmentation(crop=0.5), draws)
    middle = cropped.pictures[0, 0, 0, 1:-1]
    assert torch.allclose(middle, (torch.arange(1, 15) + 0.5) / 2 - 0.5, atol=1e-5)
    assert torch.allclose(cropped.density[:, :, :, 1:-1] * 15, cropped.pictures[:, :1, :, 1:-1], atol=1e-4)
    # The fixation at row 3, column 2 becomes the four pixels that its pixel covers.
    assert cropped.fixations[0, 0].nonzero().tolist() == [[6, 4], [6, 5], [7, 4], [7, 5]]


def test_a_flipped_crop_is_the_flip_of_the_crop(batch):
    settings = Augmentation(hflip=0.5, crop=0.6)
    draws = drawn(flip=[0.9, 0.1], side=0.3, across=0.7, down=0.2)
    both = augmented(batch, settings, draws)
    assert torch.allclose(both.pictures[1], both.pictures[0].flip(-1), atol=1e-4)
    assert torch.equal(both.fixations[1], both.fixations[0].flip(-1))


def test_a_crop_never_looks_outside_the_picture(batch):
    draws = drawn(flip=0.9, side=[0, 0.999], across=[0.999, 0], down=[0.999, 0.5])
    cropped = augmented(batch, Augmentation(crop=0.5), draws)
    assert cropped.pictures.amin() >= 0
    assert cropped.pictures[0, 0, 0, 0] == pytest.approx(7.75, abs=0.05)
    assert cropped.pictures[0, 0, 0, -1] == pytest.approx(15, abs=0.05)


def test_without_augmentation_the_batch_is_the_same_object(batch):
    assert augmented(batch, Augmentation(), drawn()) is batch


def test_a_warp_in_the_middle_of_its_range_changes_nothing(batch):
    same = augmented(batch, Augmentation(warp=0.3), drawn())
    assert torch.allclose(same.pictures, batch.pictures, atol=1e-4)
    assert torch.equal(same.fixations, batch.fixations)


def test_a_zoom_out_shows_the_mirror_image_beyond_the_edge_where_nobody_looked(batch):
    # Zoom by e^0.5 at its largest draw: the picture covers the middle 1 / e^0.5 of the frame.
    wide = augmented(batch, Augmentation(warp=0.5), drawn(zoom=1.0))
    factor = np.exp(0.5)
    read = (np.arange(16) + 0.5 - 8) * factor + 8 - 0.5
    inside = (read >= 0) & (read <= 15)
    assert 8 <= inside.sum() < 12
    row = wide.pictures[0, 0, 4].numpy()
    assert np.allclose(row[inside], read[inside], atol=1e-4)
    assert row[0] == pytest.approx(-read[0] - 1, abs=1e-3)  # reflected at the picture's edge
    assert (wide.density[0, 0, 4, ~inside] < wide.pictures[0, 0, 4, ~inside] / 15 + 1e-4).all()
    assert not wide.density[0, 0, 0].any()


def test_a_turn_keeps_right_angles_and_carries_the_fixation_along():
    picture = torch.zeros(2, 3, 40, 60)
    fixations = torch.zeros(2, 1, 40, 60, dtype=torch.bool)
    fixations[:, 0, 20, 50] = True  # 20 right of the middle
    density = torch.nn.functional.avg_pool2d(fixations.float(), 5, 1, 2)
    turned = augmented(Batch(picture, density, fixations), Augmentation(warp=0.5), drawn(turn=1.0))
    weights = turned.density[0, 0] / turned.density[0, 0].sum()
    across = float((weights.sum(0) * torch.arange(60.0)).sum()) - 29.5
    down = float((weights.sum(1) * torch.arange(40.0)).sum()) - 19.5
    # Reading at coordinates turned by a quarter radian turns what is seen back by as much.
    angle = np.arctan2(0.5, 20.5) - 0.25
    radius = np.hypot(0.5, 20.5)
    assert across == pytest.approx(radius * np.cos(angle), abs=0.2)
    assert down == pytest.approx(radius * np.sin(angle), abs=0.2)
    row, column = (turned.fixations[0, 0].nonzero().float().mean(0) - torch.tensor([19.5, 29.5])).tolist()
    assert (row, column) == pytest.approx((down, across), abs=0.7)


def test_warp_and_crop_and_flip_go_together(batch):
    settings = Augmentation(hflip=0.5, crop=0.6, warp=0.2)
    draws = drawn(flip=[0.9, 0.1], side=0.3, across=0.7, down=0.2, zoom=0.8, right=0.5)
    both = augmented(batch, settings, draws)
    # A flip applied before an even warp is the mirror image of the window without it.
    assert torch.allclose(both.pictures[1], both.pictures[0].flip(-1), atol=1e-4)


def colourful():
    pictures = torch.rand(2, 3, 6, 8, generator=torch.Generator().manual_seed(0)) * 120 + 40
    return Batch(pictures, torch.rand(2, 1, 6, 8), torch.rand(2, 1, 6, 8) > 0.5)


def test_colour_changes_pictures_and_never_their_gaze():
    batch = colourful()
    changed = augmented(batch, Augmentation(colour=0.4), epoch_draws(0, 0, 2))
    assert not torch.allclose(changed.pictures, batch.pictures, atol=5)
    assert changed.pictures.amin() >= 0
    assert changed.pictures.amax() <= 255
    assert changed.density is batch.density
    assert changed.fixations is batch.fixations


def test_brightness_scales_and_contrast_spreads_around_the_mean():
    batch = colourful()
    bright = augmented(batch, Augmentation(colour=0.2), drawn(brightness=1.0))
    assert torch.allclose(bright.pictures, batch.pictures * 1.2, atol=1e-3)
    luma = torch.tensor([0.299, 0.587, 0.114])[:, None, None]
    strong = augmented(batch, Augmentation(colour=0.2), drawn(contrast=1.0))
    before, after = ((each.pictures * luma).sum(1) for each in (batch, strong))
    assert torch.allclose(after.mean((1, 2)), before.mean((1, 2)), atol=1e-2)
    assert torch.allclose(after.std((1, 2)), before.std((1, 2)) * 1.2, rtol=1e-3)


def test_a_tenth_of_the_pictures_turn_grey():
    batch = colourful()
    changed = augmented(batch, Augmentation(colour=0.2), drawn(grey=[0.05, 0.15])).pictures
    assert torch.allclose(changed[0, 0], changed[0, 2], atol=1e-3)
    assert torch.allclose(changed[1], batch.pictures[1], atol=1e-3)
