"""Anybody's maps: folders, zip archives, HDF5 files; honest ones and hostile ones."""

import io
import pickle
import tracemalloc
import zipfile

import h5py
import numpy as np
import pytest
from PIL import Image

from salgan.datasets import Stimulus
from salgan.errors import ModelError
from salgan.evaluation.maps import FolderMaps, Hdf5Maps, NpzMaps, ZipMaps, decode_map

MAP = np.random.default_rng(0).random((6, 9)).astype(np.float32)


def stimulus(name):
    return Stimulus(name, None)


def npy(array):
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def png(array):
    file = io.BytesIO()
    Image.fromarray(array).save(file, "PNG")
    return file.getvalue()


def make_folder(root, files):
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return root


def make_zip(path, files):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def test_folder_zip_and_hdf5_give_the_same_maps(tmp_path):
    files = {"val/a.npy": npy(MAP), "val/b.npy": npy(MAP * 2 - 5)}
    with h5py.File(tmp_path / "maps.h5", "w") as file:
        file["val/a.jpg"], file["val/b"] = MAP, MAP * 2 - 5
    sources = [
        FolderMaps(make_folder(tmp_path / "maps", files)),
        ZipMaps(make_zip(tmp_path / "maps.zip", files)),
        Hdf5Maps(tmp_path / "maps.h5"),
    ]
    for source in sources:
        # As in a worker process, where the file must be opened again.
        for one in (source, pickle.loads(pickle.dumps(source))):  # noqa: S301
            np.testing.assert_array_equal(one.predict(stimulus("val/a")), MAP)
            np.testing.assert_array_equal(one.predict(stimulus("b")), MAP * 2 - 5)
        assert source.missing(["val/a", "val/c", "b"]) == ["val/c"]


@pytest.mark.parametrize(
    ("stored", "name"),
    [
        (png((MAP * 255).astype(np.uint8)), "a.png"),
        (png((MAP * 65535).astype(np.uint16)), "a.png"),
        (png(np.repeat((MAP * 255).astype(np.uint8)[..., None], 3, axis=2)), "a.png"),
        (npy(MAP[None]), "a.npy"),
        (npy(MAP[..., None].astype(np.float64)), "a.npy"),
    ],
)
def test_every_common_form_of_a_map_is_read(stored, name):
    array = decode_map(stored, name)
    assert array.shape == MAP.shape
    np.testing.assert_allclose(array / array.max(), MAP / MAP.max(), atol=1 / 200)


def test_float_tiff_keeps_negative_values():
    file = io.BytesIO()
    Image.fromarray(MAP - 3).save(file, "TIFF")
    np.testing.assert_array_equal(decode_map(file.getvalue(), "log.tiff"), MAP - 3)


def test_a_name_found_twice_is_refused_by_its_short_form_only(tmp_path):
    source = FolderMaps(make_folder(tmp_path, {"x/a.npy": npy(MAP), "y/a.npy": npy(MAP)}))
    assert source.missing(["x/a", "y/a", "a"]) == ["a"]
    with pytest.raises(ModelError, match="maps of one name"):
        FolderMaps(make_folder(tmp_path, {"x/a.png": png((MAP * 255).astype(np.uint8))}))


def test_one_map_never_serves_several_pictures(tmp_path):
    source = FolderMaps(make_folder(tmp_path, {"001.npy": npy(MAP), "002.npy": npy(MAP)}))
    assert source.missing(["Action/001", "Art/001", "Art/002"]) == ["Action/001", "Art/001"]
    with pytest.raises(ModelError, match="holds no map of Art/001"):
        source.predict(stimulus("Art/001"))
    np.testing.assert_array_equal(source.predict(stimulus("Art/002")), MAP)
    assert source.missing(["Action/001", "Art/001"]) == ["Action/001", "Art/001"]
    assert "several pictures are called 001; put their maps into folders" in source.hint()
    assert source.missing(["001", "Art/001"]) == ["Art/001"]


def test_a_pattern_gives_no_map_to_several_pictures_either(tmp_path):
    source = FolderMaps(make_folder(tmp_path, {"001_map.npy": npy(MAP), "002_map.npy": npy(MAP)}))
    assert source.missing(["Action/001", "Art/002"]) == []
    source = FolderMaps(tmp_path)
    source.named("{stem}_map.npy")
    assert source.missing(["Action/001", "Art/001", "Art/002"]) == ["Action/001", "Art/001"]


def test_names_with_dots_keep_them(tmp_path):
    source = FolderMaps(make_folder(tmp_path, {"photo.v1.npy": npy(MAP)}))
    assert source.missing(["photo.v1"]) == []
    assert source.missing(["photo"]) == ["photo"]


def test_changed_maps_change_the_fingerprint(tmp_path):
    make_folder(tmp_path, {"a.npy": npy(MAP)})
    before = FolderMaps(tmp_path).fingerprint
    assert FolderMaps(tmp_path).fingerprint == before
    (tmp_path / "a.npy").write_bytes(npy(np.zeros((7, 9))))
    assert FolderMaps(tmp_path).fingerprint != before


def test_a_zip_that_climbs_out_is_read_without_writing_anything(tmp_path):
    inside = tmp_path / "inside"
    inside.mkdir()
    archive = make_zip(inside / "maps.zip", {"../../evil.npy": npy(MAP), "/abs/b.npy": npy(MAP)})
    source = ZipMaps(archive)
    np.testing.assert_array_equal(source.predict(stimulus("evil")), MAP)
    assert [path.name for path in tmp_path.rglob("*")] == ["inside", "maps.zip"]


def test_a_zip_bomb_is_not_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr("salgan.image.MAX_PIXELS", 1000)
    source = ZipMaps(make_zip(tmp_path / "bomb.zip", {"a.npy": npy(np.zeros((200, 200)))}))
    with pytest.raises(ModelError, match="unpacks to more than"):
        source.predict(stimulus("a"))


def test_headers_that_promise_too_much_cost_no_memory():
    header = npy(np.zeros((2, 2))).replace(b"(2, 2), }", b"(9999999, 9999999), }"[:21])
    with pytest.raises(ModelError, match="too many for its picture"):
        decode_map(header, "a.npy")
    header = npy(np.zeros((2, 2))).replace(b"(2, 2), }", b"(999, 999), }"[:13])
    with pytest.raises(ModelError, match="it ends before its header says"):
        decode_map(header, "a.npy")


HUGE = (9000, 9000)


def test_bombs_are_refused_before_they_are_unpacked(tmp_path):
    """Maps of many more pixels than their picture, in files that are small."""
    picture = Stimulus("a", tmp_path / "a.png")
    Image.new("L", (64, 48)).save(picture.path)
    folder = tmp_path / "maps"
    folder.mkdir()
    sparse = np.lib.format.open_memmap(folder / "a.npy", mode="w+", dtype=np.uint8, shape=HUGE)
    sparse.flush()
    with zipfile.ZipFile(tmp_path / "maps.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(folder / "a.npy", "a.npy")
    with h5py.File(tmp_path / "fill.h5", "w") as file:
        file.create_dataset("a", HUGE, "f8", fillvalue=1.0)
    with h5py.File(tmp_path / "chunk.h5", "w") as file:
        file.create_dataset("a", (48, 64), "f8", chunks=HUGE, maxshape=(None, None))
    with h5py.File(tmp_path / "references.h5", "w") as file:
        file.create_dataset("a", (48, 64), h5py.vlen_dtype(np.float64))
    sources = [FolderMaps(folder), ZipMaps(tmp_path / "maps.zip")]
    sources += [Hdf5Maps(tmp_path / f"{name}.h5") for name in ("fill", "chunk", "references")]
    for source in sources:
        tracemalloc.start()
        with pytest.raises(ModelError, match=r"too many for its picture|unpacks to more|not numbers"):
            source.predict(picture)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 70e6, source.path


@pytest.mark.parametrize(
    "header",
    [
        b"{'descr': '<f8', 'fortran_order': False, 'shape': (2, 2), ",
        b"{'descr': '<f8', 'fortran_order': False, 'shape': (2, None), }",
        b"  indented",
        b"{'descr': [('a', '<f8')], 'fortran_order': False, 'shape': (2, 2), }",
        b"\xff\xfe",
        b"{'descr': '<f8', 'fortran_order': False, 'shape': (-2, 2), }",
    ],
)
def test_broken_npy_headers_are_one_error(header):
    content = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + bytes(32)
    with pytest.raises(ModelError, match=r"a\.npy: .*(not a map that can be read|a map is \(H, W\))"):
        decode_map(content, "a.npy")


def test_too_little_memory_is_not_called_a_damaged_map(tmp_path, monkeypatch):
    def full(*_, **__):
        raise MemoryError

    image = io.BytesIO()
    Image.new("L", (4, 4)).save(image, "PNG")
    np.save(array := io.BytesIO(), np.zeros((4, 4)))
    monkeypatch.setattr("PIL.PngImagePlugin.PngImageFile.load", full)
    monkeypatch.setattr("salgan.evaluation.map_files._load_npy", full)
    for name, content in (("a.png", image), ("a.npy", array)):
        with pytest.raises(MemoryError):
            decode_map(content.getvalue(), name)


def test_pickles_are_refused():
    with pytest.raises(ModelError, match="not a map that can be read"):
        decode_map(npy(np.array([{"a": 1}], dtype=object)), "a.npy")


@pytest.mark.parametrize("content", [b"", b"not a zip", b"PK\x03\x04 broken"])
def test_broken_archives_say_so_in_one_line(tmp_path, content):
    (tmp_path / "a.zip").write_bytes(content)
    (tmp_path / "a.h5").write_bytes(content)
    with pytest.raises(ModelError, match="not a zip archive"):
        ZipMaps(tmp_path / "a.zip")
    with pytest.raises(ModelError, match="not an HDF5 file"):
        Hdf5Maps(tmp_path / "a.h5")


@pytest.mark.parametrize(
    ("at", "value", "words"),
    [(6, 255, "zip file version"), (9, 8, "can't decode"), (10, 99, "compression method")],
    ids=["made by a later version", "a name that is not UTF-8", "packed in an unknown way"],
)
def test_odd_directories_of_archives_are_one_line(tmp_path, at, value, words):
    path = make_zip(tmp_path / "a.zip", {"a.npy": npy(MAP)})
    content = bytearray(path.read_bytes())
    directory = content.index(b"PK\x01\x02")
    content[directory + at] = value
    if at == 9:  # that the name is UTF-8
        content[directory + 46] = 0xFF
    path.write_bytes(content)
    with pytest.raises(ModelError, match=words) as caught:
        ZipMaps(path).predict(stimulus("a"))
    assert "\n" not in str(caught.value)


def test_damaged_members_say_so(tmp_path):
    path = make_zip(tmp_path / "a.zip", {"a.npy": npy(np.zeros((50, 50)))})
    content = bytearray(path.read_bytes())
    content[60:75] = b"\xff" * 15
    path.write_bytes(bytes(content))
    with pytest.raises(ModelError, match=r"a\.npy"):
        ZipMaps(path).predict(stimulus("a"))


def test_hdf5_never_opens_other_files(tmp_path):
    with h5py.File(tmp_path / "secret.h5", "w") as file:
        file["a"] = MAP
    (tmp_path / "raw.bin").write_bytes(MAP.tobytes())
    with h5py.File(tmp_path / "maps.h5", "w") as file:
        file["b"] = MAP
        file["linked"] = h5py.ExternalLink("secret.h5", "/a")
        file.create_dataset("outside", MAP.shape, "f4", external=[(str(tmp_path / "raw.bin"), 0, MAP.nbytes)])
        layout = h5py.VirtualLayout(MAP.shape, "f4")
        layout[:] = h5py.VirtualSource(str(tmp_path / "secret.h5"), "a", MAP.shape)
        file.create_virtual_dataset("virtual", layout)
    source = Hdf5Maps(tmp_path / "maps.h5")
    np.testing.assert_array_equal(source.predict(stimulus("b")), MAP)
    assert source.missing(["linked"]) == ["linked"]
    for name in ("outside", "virtual"):
        with pytest.raises(ModelError, match="another file"):
            source.predict(stimulus(name))


def test_what_is_no_map_is_named(tmp_path):
    with h5py.File(tmp_path / "maps.h5", "w") as file:
        file["three"], file["text"] = np.zeros((4, 5, 3)), "hello"
    source = Hdf5Maps(tmp_path / "maps.h5")
    for name in ("three", "text"):
        with pytest.raises(ModelError, match=name):
            source.predict(stimulus(name))


def test_an_npz_file_says_what_its_maps_are(tmp_path):
    path = tmp_path / "maps.npz"
    for kind in ("saliency", "density", "log_density"):
        np.savez(path, kind=kind, **{"a": MAP, "cats/b": MAP * 2})
        source = NpzMaps(path)
        assert source.kind == kind.replace("_", "-")
        assert source.missing(["a", "cats/b", "kind"]) == ["kind"]
        assert np.array_equal(source.predict(stimulus("cats/b")), MAP * 2)
    np.savez(path, a=MAP)
    assert NpzMaps(path).kind is None
    for wrong, words in ((MAP, "must be a text"), ("probability", "one of saliency, density, log-density")):
        np.savez(path, kind=wrong, a=MAP)
        with pytest.raises(ModelError, match=words):
            NpzMaps(path)
    np.savez(path, kind=np.array({"a": 1}), a=MAP)  # a pickle
    with pytest.raises(ModelError, match=r"kind\.npy cannot be read"):
        NpzMaps(path)


def test_a_folder_without_maps_lists_what_it_looked_for(tmp_path):
    with pytest.raises(ModelError, match=r"holds no saliency map .*\.png"):
        FolderMaps(tmp_path)


@pytest.mark.parametrize(
    "pattern",
    ["{}_saliency.png", "{}.jpg.png", "{}_map.npy", "sal-{}.png", "{}.saliency.npy", "{}.saliency.png"],
)
@pytest.mark.parametrize("stems", [("1004", "1", "10", "100"), ("cat", "category", "a cat")])
def test_other_tools_names_are_recognised(tmp_path, pattern, stems):
    content = npy(MAP) if pattern.endswith("npy") else png((MAP * 255).astype(np.uint8))
    source = FolderMaps(make_folder(tmp_path, {f"val/{pattern.format(stem)}": content for stem in stems}))
    assert source.missing(stems) == []
    for stem in stems:
        assert source.predict(stimulus(stem)).shape == MAP.shape


def test_a_pattern_that_holds_for_some_pictures_only_is_not_taken(tmp_path):
    source = FolderMaps(make_folder(tmp_path, {f"{name}_map.npy": npy(MAP) for name in ("a", "b")}))
    assert source.missing(["a", "b", "c"]) == ["a", "b", "c"]
    assert "it holds a_map.npy, b_map.npy" in source.hint()
    assert "say how these are named, such as --name '{stem}_map.png'" in source.hint()
    source.named("{stem}_map.npy")
    assert source.missing(["a", "b", "c"]) == ["c"]


def test_two_patterns_are_asked_about(tmp_path):
    files = {f"{name}_{kind}.npy": npy(MAP * n) for name in "ab" for n, kind in enumerate(("x", "y"), 1)}
    source = FolderMaps(make_folder(tmp_path, files))
    with pytest.raises(ModelError, match=r"\{stem\}_x and \{stem\}_y; choose one with --name"):
        source.missing(["a", "b"])
    source.named("{stem}_y")
    assert source.missing(["a", "b"]) == []
    np.testing.assert_array_equal(source.predict(stimulus("b")), MAP * 2)
    with pytest.raises(ModelError, match=r"holds \{stem\} once"):
        source.named("map.png")


def test_trees_are_kept_under_a_pattern(tmp_path):
    files = {f"{group}/001_sal.npy": npy(MAP * n) for n, group in enumerate(("Action", "Sketch"), 1)}
    source = FolderMaps(make_folder(tmp_path, files))
    assert source.missing(["Action/001", "Sketch/001"]) == []
    np.testing.assert_array_equal(source.predict(stimulus("Sketch/001")), MAP * 2)


def test_overlays_beside_maps_are_not_maps(tmp_path):
    files = {"a.saliency.npy": npy(MAP), "a.overlay.png": png((MAP * 255).astype(np.uint8))}
    source = FolderMaps(make_folder(tmp_path, files))
    np.testing.assert_array_equal(source.predict(stimulus("a")), MAP)
