"""The released weights, read into PyTorch, compute what the original network computed."""

import io
import pickle
import zipfile

import numpy as np
import pytest
import torch
from scipy import signal

from salgan.errors import ModelError
from salgan.networks import import_lasagne
from salgan.preprocessing import VGG16_CAFFE
from tests.networks._convolution import correlate

# The original network, written down here a second time: what each of its 27 convolutions gives.
ENCODER = [(64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512)]
DECODER = [(512, 512, 512), (512, 512, 512), (256, 256, 256), (128, 128), (64, 64)]


def shapes():
    inputs, found = 3, []
    for widths in [*ENCODER, *DECODER]:
        for width in widths:
            found += [(width, inputs, 3, 3), (width,)]
            inputs = width
    return [*found, (1, inputs, 1, 1), (1,)]


def convolve(x, W):
    """A true convolution: the kernel runs against the picture."""
    return correlate(x, W[:, :, ::-1, ::-1])


def original_forward(picture, arrays):
    """Theano's and Lasagne's forward pass in NumPy: picture (H, W, 3) RGB in 0..255 to map (H, W)."""
    pairs = iter(zip(arrays[0::2], arrays[1::2], strict=True))
    x = picture[:, :, ::-1].transpose(2, 0, 1) - np.array([103.939, 116.779, 123.68]).reshape(3, 1, 1)
    for number, widths in enumerate(ENCODER):
        if number > 0:
            x = x.reshape(len(x), x.shape[1] // 2, 2, x.shape[2] // 2, 2).max(axis=(2, 4))
        for _ in widths:
            W, b = next(pairs)
            x = np.maximum(correlate(x, W) + b.reshape(-1, 1, 1), 0)
    for number, widths in enumerate(DECODER):
        if number > 0:
            x = x.repeat(2, axis=1).repeat(2, axis=2)
        for _ in widths:
            W, b = next(pairs)
            x = np.maximum(convolve(x, W) + b.reshape(-1, 1, 1), 0)
    W, b = next(pairs)
    return 1 / (1 + np.exp(-(convolve(x, W) + b.reshape(-1, 1, 1))[0]))


def random_weights():
    """In the published layout and scaled (He et al. 2015) so that signals neither die nor saturate."""
    generator = np.random.default_rng(7)
    found = []
    for shape in shapes():
        spread = 0.05 if len(shape) == 1 else np.sqrt(2 / np.prod(shape[1:]))
        found.append(generator.standard_normal(shape, dtype=np.float32) * np.float32(spread))
    found[0] /= 60  # pictures run to 255
    return found


@pytest.fixture(scope="module")
def weights():
    return random_weights()


@pytest.fixture(scope="module")
def released(weights, tmp_path_factory):
    path = tmp_path_factory.mktemp("lasagne") / "gen_modelWeights0090.npz"
    in_either_order = [np.asfortranarray(array) if i % 4 == 2 else array for i, array in enumerate(weights)]
    np.savez(path, *in_either_order)
    return path


def test_this_files_convolutions_are_scipys():
    generator = np.random.default_rng(0)
    x, W = generator.normal(size=(2, 5, 7)), generator.normal(size=(3, 2, 3, 3))
    for ours, theirs in [(correlate, signal.correlate2d), (convolve, signal.convolve2d)]:
        expected = [sum(theirs(x[i], W[o, i], mode="same") for i in range(2)) for o in range(3)]
        np.testing.assert_allclose(ours(x, W), expected, atol=1e-12)


def test_the_imported_network_computes_the_original_forward_pass(released, weights):
    picture = np.random.default_rng(1).integers(0, 256, (32, 48, 3)).astype(np.float64)
    expected = original_forward(picture, [array.astype(np.float64) for array in weights])
    network = import_lasagne(released)
    with torch.no_grad():
        given = network(torch.from_numpy(picture.transpose(2, 0, 1)[None]).float())[0, 0].numpy()
    assert np.ptp(expected) > 0.1  # a map flat enough would match any network
    np.testing.assert_allclose(given, expected, atol=1e-4)


def test_without_the_rotation_it_would_be_another_map(weights):
    picture = np.random.default_rng(1).integers(0, 256, (32, 48, 3)).astype(np.float64)
    decoder = [array[..., ::-1, ::-1] if array.ndim == 4 else array for array in weights[26:]]
    turned = [*weights[:26], *decoder]
    assert np.abs(original_forward(picture, weights) - original_forward(picture, turned)).max() > 0.01


def test_the_imported_network_is_the_papers_ready_to_predict(released):
    network = import_lasagne(released)
    assert network.architecture["encoder"] == "vgg16"
    assert network.preprocessing == VGG16_CAFFE
    assert not network.training


def npy(array):
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, np.asarray(array), allow_pickle=True)
    return buffer.getvalue()


def archive(path, replaced, names=None):
    """A file with good first arrays, one bad array, and rubbish where a careful reader never comes."""
    members = {f"arr_{i}": b"rubbish" for i in range(54)}
    members |= {f"arr_{i}": npy(np.zeros(shape, np.float32)) for i, shape in enumerate(shapes()[:4])}
    members |= replaced
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members.items():
            if names is None or name in names:
                file.writestr(f"{name}.npy", content)
    return path


class Bomb:
    def __reduce__(self):
        return (pytest.fail, ("the file was unpickled",))


def bad_arrays():
    good = np.zeros((64, 64, 3, 3), np.float32)
    infinite = good.copy()
    infinite[3, 2, 1, 0] = np.nan
    objects = np.empty((64, 64, 3, 3), object)
    objects[:] = None
    yield (
        "transposed",
        npy(np.zeros((3, 3, 64, 64), np.float32)),
        r"arr_2 has shape \(3, 3, 64, 64\), not \(64, ",
    )
    yield "integers", npy(good.astype(np.int32)), "arr_2 has type int32, not float32"
    yield "half", npy(good.astype(np.float16)), "arr_2 has type float16"
    yield "NaN", npy(infinite), "arr_2 holds NaN or infinity"
    yield "cut off", npy(good)[:-100], "arr_2 has 147356 bytes of data, not 147456"
    yield "too long", npy(good) + b"x", "arr_2 has 147457 bytes"
    yield "objects", npy(objects), "arr_2 has type object"
    yield "pickled", pickle.dumps(Bomb()), "arr_2 has no readable header"
    yield "empty", b"", "arr_2 has no readable header"
    yield "later version", b"\x93NUMPY\x02\x00\xff\xff\xff\xff{", "arr_2 has no readable header"
    yield "strange header", b"\x93NUMPY\x01\x00\x10\x00__import__('os')", "arr_2 has no readable header"


@pytest.mark.parametrize(("content", "message"), [pytest.param(c, m, id=i) for i, c, m in bad_arrays()])
def test_an_array_that_does_not_fit_is_named(tmp_path, content, message):
    with pytest.raises(ModelError, match=message) as caught:
        import_lasagne(archive(tmp_path / "weights.npz", {"arr_2": content}))
    assert "\n" not in str(caught.value)


def test_a_promise_of_gigabytes_is_not_read(tmp_path):
    header = npy(np.zeros((64, 64, 3, 3), np.float32))[:128]
    path = archive(tmp_path / "bomb.npz", {"arr_2": header + bytes(300_000_000)})
    assert path.stat().st_size < 1_000_000
    with pytest.raises(ModelError, match="arr_2 has 147457 bytes"):
        import_lasagne(path)


@pytest.mark.parametrize("missing", [0, 17, 53])
def test_a_missing_array_is_named(tmp_path, missing):
    names = {f"arr_{i}" for i in range(54)} - {f"arr_{missing}"}
    with pytest.raises(ModelError, match=rf"array arr_{missing} is missing among 53; .* has 54"):
        import_lasagne(archive(tmp_path / "weights.npz", {}, names))


def test_an_array_too_many_is_named(tmp_path):
    with pytest.raises(ModelError, match="'arr_54' is not expected"):
        import_lasagne(archive(tmp_path / "weights.npz", {"arr_54": b""}))


@pytest.mark.parametrize("content", [b"", b"text", b"PK\x03\x04" + bytes(50)])
def test_what_is_no_archive_is_refused_in_one_line(tmp_path, content):
    path = tmp_path / "weights.npz"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=r"not a readable \.npz file"):
        import_lasagne(path)


def test_a_missing_file_is_said_to_be_missing(tmp_path):
    with pytest.raises(ModelError, match="no such file"):
        import_lasagne(tmp_path / "weights.npz")
    with pytest.raises(ModelError, match="is a folder, not a file"):
        import_lasagne(tmp_path)


def test_the_command_writes_a_network_file(salgan, released, tmp_path):
    from salgan.networks import load_network

    said = salgan("import-lasagne", released, "-o", tmp_path / "salgan.safetensors")
    assert (said.code, said.err) == (0, "")
    assert sum(p.numel() for p in load_network(tmp_path / "salgan.safetensors").parameters()) == 31_787_009
    said = salgan("import-lasagne", tmp_path / "salgan.safetensors", "-o", tmp_path / "again.safetensors")
    assert said.code == 1
    assert said.err.count("\n") == 1
    assert "not a readable .npz" in said.err
