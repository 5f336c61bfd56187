"""The readers on the real sets: sizes, counts, and that fixations lie on what they should."""

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import gaussian_filter

from salgan.datasets import open_dataset
from salgan.datasets.check import check

pytestmark = pytest.mark.shared


@pytest.mark.parametrize(
    ("name", "pictures", "fixations", "viewers"),
    [("osie", 600, 84299, 15), ("eyecrowd", 500, 126348, 16), ("sun500", 500, 43894, 12)],
)
def test_every_picture_has_its_fixations_all_inside(shared, name, pictures, fixations, viewers):
    report = check(open_dataset(shared / "data" / name))
    assert report.dataset.name == name
    assert len(report.findings) == pictures
    assert sum(finding.fixations for finding in report.findings) == fixations
    assert max(finding.viewers for finding in report.findings) == viewers
    assert (report.errors, report.without_fixations, report.empty, report.outside) == ((), (), (), ())
    assert report.dataset.unmatched == ()


def contrast(stimulus):
    """A crude saliency map: local contrast at three scales of a 128 × 128 thumbnail, standardised."""
    thumbnail = Image.fromarray(stimulus.picture()).convert("L").resize((128, 128))
    grey = np.asarray(thumbnail, dtype=float)
    found = sum(np.abs(gaussian_filter(grey, s) - gaussian_filter(grey, 3 * s)) for s in (0.5, 1, 2))
    found = gaussian_filter(found, 1.5)
    return (found - found.mean()) / found.std()


def at_fixations(found, stimulus, *, flip_x=False, flip_y=False):
    fixations = stimulus.fixations
    x = ((fixations.x + 0.5) / stimulus.width * 128).astype(int)
    y = ((fixations.y + 0.5) / stimulus.height * 128).astype(int)
    return found[127 - y if flip_y else y, 127 - x if flip_x else x].mean()


@pytest.mark.parametrize("name", ["osie", "eyecrowd", "sun500"])
def test_fixations_fall_on_contrast_in_their_own_picture_as_it_stands(shared, name):
    # Were rows matched to the wrong pictures, x and y swapped, or an axis flipped, this would vanish.
    stimuli = open_dataset(shared / "data" / name).stimuli[::4]
    maps = [contrast(s) for s in stimuli]
    own = np.mean([at_fixations(m, s) for m, s in zip(maps, stimuli, strict=True)])
    others = np.mean([at_fixations(maps[i - 1], s) for i, s in enumerate(stimuli)])
    upside_down = np.mean([at_fixations(m, s, flip_y=True) for m, s in zip(maps, stimuli, strict=True)])
    mirrored = np.mean([at_fixations(m, s, flip_x=True) for m, s in zip(maps, stimuli, strict=True)])
    assert own > max(others, upside_down, mirrored) + 0.05, (own, others, upside_down, mirrored)


def test_mouse_traces_fall_where_the_same_pictures_fixations_do(shared):
    eye = open_dataset(shared / "data" / "osie", part="val").stimuli[:12]
    mouse = open_dataset(shared / "data" / "osie", "osie-mouse", part="val").stimuli[:12]
    assert [s.name for s in eye] == [s.name for s in mouse]
    same = [
        np.corrcoef(e.density().ravel(), m.density().ravel())[0, 1] for e, m in zip(eye, mouse, strict=True)
    ]
    other = [
        np.corrcoef(eye[i - 1].density().ravel(), m.density().ravel())[0, 1] for i, m in enumerate(mouse)
    ]
    assert np.mean(same) > 0.6
    assert np.mean(same) > np.mean(other) + 0.3
