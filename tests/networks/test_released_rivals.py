"""SalNet's and ML-Net's released layouts, read into PyTorch, compute what the original networks computed."""

import h5py
import numpy as np
import pytest
import torch

from salgan.errors import ModelError
from salgan.networks import import_mlnet, import_salnet, load_network, save_network
from salgan.networks.caffe import read_caffemodel
from salgan.networks.mlnet import MLNetReleased
from tests.networks._convolution import correlate


def layer(x, W, b):
    return correlate(x, W) + b.reshape(-1, 1, 1)


def he(generator, *shape, gain=2.0):
    return generator.standard_normal(shape, np.float32) * np.float32((gain / np.prod(shape[1:])) ** 0.5)


# SalNet, as its deployment file has it, and a writer of Caffe's protocol buffers.

SALNET = [
    (96, 3, 7), (256, 96, 5), (512, 256, 3), (512, 512, 5), (512, 512, 5),
    (256, 512, 7), (128, 256, 11), (32, 128, 11), (1, 32, 13),
]  # fmt: skip


def caffe_pool(x):
    """3×3 maxima at every second pixel; the size is rounded up, and windows are cut at the edge."""
    rows, columns = (-(-(side - 3) // 2) + 1 for side in x.shape[1:])
    return np.stack(
        [
            np.stack([x[:, 2 * r : 2 * r + 3, 2 * c : 2 * c + 3].max((1, 2)) for c in range(columns)], -1)
            for r in range(rows)
        ],
        1,
    )


def caffe_lrn(x):
    """Across five channels: x / (1 + 1e-4 / 5 * sum of squares) ** .75."""
    squares = np.pad(x**2, ((2, 2), (0, 0), (0, 0)))
    return x / (1 + 1e-4 / 5 * sum(squares[k : k + len(x)] for k in range(5))) ** 0.75


def caffe_deconvolution(x, W):
    """Stride 4, padding 2: every pixel adds its multiple of the kernel at four times its place."""
    rows, columns = x.shape[1:]
    whole = np.zeros((rows * 4 + 4, columns * 4 + 4))
    for r in range(rows):
        for c in range(columns):
            whole[4 * r : 4 * r + 8, 4 * c : 4 * c + 8] += x[0, r, c] * W[0, 0]
    return whole[2:-2, 2:-2]


def salnet_forward(picture, weights):
    """Picture (H, W, 3) RGB in 0..255 to the network's output (H, W)."""
    x = picture[:, :, ::-1].transpose(2, 0, 1).astype(np.float32)
    x = (x - np.array([100, 110, 118], np.float32).reshape(3, 1, 1)) * np.float32(2 / 255)
    for number in range(1, 10):
        x = layer(x, *weights[f"conv{number}"])
        if number < 9:
            x = np.maximum(x, 0)
        if number == 1:
            x = caffe_pool(caffe_lrn(x))
        if number == 2:
            x = caffe_pool(x)
    return caffe_deconvolution(x, *weights["deconv1"])


def varint(value):
    found = b""
    while True:
        value, low = value >> 7, value & 127
        found += bytes([low | 128 if value else low])
        if not value:
            return found


def field(number, content):
    if isinstance(content, int):
        return varint(number << 3) + varint(content)
    return varint(number << 3 | 2) + varint(len(content)) + content


def blob(array, old):
    numbers = array.astype("<f4").tobytes()
    if old:
        sides = (1,) * (4 - array.ndim) + array.shape
        return b"".join(field(k, side) for k, side in enumerate(sides, start=1)) + field(5, numbers)
    return field(7, field(1, b"".join(varint(side) for side in array.shape))) + field(5, numbers)


def caffemodel(weights, old=False):
    """A net with a data layer before the others, and fields that nobody asked for."""
    layers = [("data", []), *weights.items()]
    if old:
        parts = [
            field(2, field(4, name.encode()) + field(5, 4) + b"".join(field(6, blob(a, old)) for a in arrays))
            for name, arrays in layers
        ]
    else:
        parts = [
            field(
                100,
                field(1, name.encode()) + field(2, b"X") + b"".join(field(7, blob(a, old)) for a in arrays),
            )
            for name, arrays in layers
        ]
    return field(1, b"deep_net") + b"".join(parts)


@pytest.fixture(scope="module")
def salnet_weights():
    generator = np.random.default_rng(3)
    weights = {
        f"conv{number}": [he(generator, o, i, k, k), generator.normal(0, 0.05, o).astype(np.float32)]
        for number, (o, i, k) in enumerate(SALNET, start=1)
    }
    return weights | {"deconv1": [generator.random((1, 1, 8, 8), dtype=np.float32) * 4]}


@pytest.fixture(scope="module")
def picture():
    return np.random.default_rng(0).integers(0, 256, (8, 12, 3), np.uint8)


@torch.no_grad()
def test_salnets_released_layout_gives_what_caffe_computed(salnet_weights, picture, tmp_path):
    (tmp_path / "deep_net_model.caffemodel").write_bytes(caffemodel(salnet_weights))
    network = import_salnet(tmp_path / "deep_net_model.caffemodel")
    given = torch.from_numpy(picture.transpose(2, 0, 1)[None].astype(np.float32))
    expected = salnet_forward(picture, salnet_weights)
    assert expected.std() > 0.1
    assert network.output(given)[0, 0].numpy() == pytest.approx(expected, abs=1e-3)
    assert not network.training

    save_network(network, tmp_path / "salnet.safetensors")  # from here on it is a model like any other
    assert load_network(tmp_path / "salnet.safetensors").preprocessing.shape == (240, 320)


def small(old=False):
    return {"a": [np.arange(6, dtype=np.float32).reshape(1, 1, 2, 3) if old else np.arange(6).reshape(2, 3)]}


@pytest.mark.parametrize("old", [False, True])
def test_both_forms_of_a_net_and_of_a_shape_are_read(old, tmp_path):
    (tmp_path / "n").write_bytes(caffemodel(small(old), old))
    (found,) = read_caffemodel(tmp_path / "n")["a"]
    assert found.shape == ((1, 1, 2, 3) if old else (2, 3))
    assert found.ravel().tolist() == [0, 1, 2, 3, 4, 5]


GOOD = caffemodel(small())


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "not a .caffemodel, or one without weights"),
        (b"hello world", "not a readable .caffemodel|not a .caffemodel"),
        (GOOD[:-1], "claims .* bytes where .* are left"),
        (varint(100 << 3 | 2) + varint(1 << 62), "a field claims 4611686018427387904 bytes where 0 are left"),
        (b"\xff" * 12, "more than 64 bits"),
        (field(100, field(7, field(7, field(1, varint(1 << 40))) )), "claims another shape"),
        (field(100, field(7, field(5, b"abc"))), "not a readable .caffemodel"),
        (field(100, field(7, field(7, field(1, varint(1) * 9)))), "more than 8 dimensions"),
    ],
)  # fmt: skip
def test_a_hostile_caffemodel_is_one_line(content, said, tmp_path):
    (tmp_path / "n").write_bytes(content)
    with pytest.raises(ModelError, match=said) as caught:
        read_caffemodel(tmp_path / "n")
    assert "\n" not in str(caught.value)


def test_a_caffemodel_of_another_network_says_which_layer_is_wrong(salnet_weights, tmp_path):
    path = tmp_path / "n.caffemodel"
    path.write_bytes(caffemodel(small()))
    with pytest.raises(ModelError, match=r"layer conv1 is missing; SalNet has conv1, .* deconv1"):
        import_salnet(path)
    path.write_bytes(caffemodel({"conv1": [np.zeros((96, 3, 3, 3)), np.zeros(96)]}))
    with pytest.raises(ModelError, match=r"conv1 has an array of shape \(96, 3, 3, 3\), not \(96, 3, 7, 7\)"):
        import_salnet(path)
    broken = [salnet_weights["conv1"][0], np.full(96, np.nan)]
    path.write_bytes(caffemodel({"conv1": broken}))
    with pytest.raises(ModelError, match="conv1 holds NaN or infinity"):
        import_salnet(path)
    with pytest.raises(ModelError, match="no such file"):
        import_salnet(tmp_path / "gone")


# ML-Net, as Keras 1 on Theano computes it.

VGG16 = [
    (1, 3, 64), (3, 64, 64), (6, 64, 128), (8, 128, 128), (11, 128, 256), (13, 256, 256), (15, 256, 256),
    (18, 256, 512), (20, 512, 512), (22, 512, 512), (25, 512, 512), (27, 512, 512), (29, 512, 512),
]  # fmt: skip
POOL_AFTER = {3: 2, 8: 2, 15: 2, 22: 1}


def theano_pool(x, stride):
    """ "same" in Keras 1: one pixel of padding on both sides, then cropped."""
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1)), constant_values=-np.inf)
    rows, columns = (-(-side // stride) for side in x.shape[1:])
    windows = [
        padded[:, u : u + stride * rows : stride, v : v + stride * columns : stride]
        for u in (0, 1)
        for v in (0, 1)
    ]
    return np.max(windows, axis=0)


def convolve(x, W, b):
    """Theano's convolution: the kernel runs against the picture."""
    return layer(x, W[:, :, ::-1, ::-1], b)


def mlnet_forward(picture, weights):
    """Picture (48, 64, 3) RGB in 0..255 to the network's output, 6×8, where the prior has the map's size."""
    mean = np.array([103.939, 116.779, 123.68], np.float32).reshape(3, 1, 1)
    x = picture[:, :, ::-1].transpose(2, 0, 1).astype(np.float32) - mean
    levels = []
    for number, _, _ in VGG16:
        x = np.maximum(convolve(x, *weights[number]), 0)
        if number in POOL_AFTER:
            x = theano_pool(x, POOL_AFTER[number])
            levels.append(x)
    x = np.concatenate([*levels[2:], x])
    x = np.maximum(convolve(x, *weights[33]), 0)
    x = np.maximum(convolve(x, *weights[34]), 0)
    # The layer of the prior puts source pixel i, ten times enlarged, on 10 i + 4: half an output pixel early.
    # (test_rivals.py compares it with the authors'.) At its own size this averages neighbours.
    prior = weights[36][0].reshape(6, 8)
    for axis, size in enumerate(prior.shape):
        places = np.arange(size) + 0.5
        prior = np.apply_along_axis(lambda line, x=places: np.interp(x, np.arange(len(x)), line), axis, prior)
    return np.maximum(x[0] * (1 + prior), 0)


@pytest.fixture(scope="module")
def mlnet_weights():
    generator = np.random.default_rng(4)
    weights = {
        number: [he(generator, o, i, 3, 3), generator.normal(0, 0.05, o).astype(np.float32)]
        for number, i, o in VGG16
    }
    return weights | {
        33: [he(generator, 64, 1280, 3, 3), np.full(64, 0.1, np.float32)],
        34: [he(generator, 1, 64, 1, 1), np.full(1, 0.5, np.float32)],
        36: [generator.normal(0, 0.3, (6, 8)).astype(np.float32)],
    }


@pytest.fixture
def mlnet_file(mlnet_weights, tmp_path):
    """Writes the file; what is given replaces, and None removes, an array."""

    def write(**changes):
        path = tmp_path / "mlnet_salicon_weights.pkl"
        with h5py.File(path, "w") as file:
            file.attrs["nb_layers"] = 38
            for number in range(38):  # layers without weights have groups too
                file.create_group(f"layer_{number}")
            for number, arrays in mlnet_weights.items():
                for k, array in enumerate(arrays):
                    changed = changes.get(f"layer_{number}_{k}", array)
                    if changed is not None:
                        file[f"layer_{number}/param_{k}"] = changed
        return path

    return write


@torch.no_grad()
def test_mlnets_released_layout_gives_what_theano_computed(mlnet_weights, mlnet_file):
    network = import_mlnet(mlnet_file())
    assert isinstance(network, MLNetReleased)
    picture = np.random.default_rng(1).integers(0, 256, (48, 64, 3), np.uint8)
    expected = mlnet_forward(picture, mlnet_weights)
    assert expected.std() > 0.1 * expected.max() > 0
    found = network.output(torch.from_numpy(picture.transpose(2, 0, 1)[None].astype(np.float32)))[0, 0]
    assert found.numpy() == pytest.approx(expected, rel=1e-3, abs=1e-3 * float(expected.max()))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"layer_11_0": None, "layer_11_1": None}, "layer_11 is missing, where VGG-16 has a convolution"),
        ({"layer_20_1": None}, "layer_20/param_1 is missing"),
        ({"layer_1_0": np.zeros((64, 3, 5, 5), "f4")}, r"layer_1/param_0 has shape \(64, 3, 5, 5\), not"),
        ({"layer_1_1": np.zeros(64, "i4")}, "layer_1/param_1 has type int32, not float32"),
        ({"layer_1_1": np.full(64, np.inf, "f4")}, "layer_1/param_1 holds NaN or infinity"),
        ({"layer_36_0": np.zeros((7, 8), "f4")}, r"0 layers beside VGG-16's have an array of shape \(6, 8\)"),
    ],
)
def test_a_damaged_file_of_mlnets_is_one_line(changes, said, mlnet_file):
    with pytest.raises(ModelError, match=said) as caught:
        import_mlnet(mlnet_file(**changes))
    assert "\n" not in str(caught.value)


def test_links_out_of_mlnets_file_are_not_followed(mlnet_file, tmp_path):
    path = mlnet_file(layer_1_1=None)
    with h5py.File(tmp_path / "secret.h5", "w") as file:
        file["x"] = np.zeros(64, "f4")
    with h5py.File(path, "a") as file:
        file["layer_1/param_1"] = h5py.ExternalLink(str(tmp_path / "secret.h5"), "x")
    with pytest.raises(ModelError, match="layer_1/param_1 is missing"):
        import_mlnet(path)


def test_what_is_not_hdf5_is_one_line(tmp_path):
    (tmp_path / "n").write_bytes(b"\x80\x02cposix\nsystem\n")  # a pickle, as the name promises
    for path in (tmp_path / "n", tmp_path / "gone"):
        with pytest.raises(ModelError, match=r"not a readable HDF5 file|no such file") as caught:
            import_mlnet(path)
        assert "\n" not in str(caught.value)
