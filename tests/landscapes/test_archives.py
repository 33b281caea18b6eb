"""CIFAR-100 and Tiny ImageNet from tiny archives of the official layouts, made here."""

from __future__ import annotations

import io
import pickle
import tarfile
import zipfile

import numpy as np
import pytest
from PIL import Image

from landscapes.data import archives
from landscapes.data.datasets import DataError, DataSpec
from landscapes.data.loading import load
from landscapes.nets.convnet import ConvNet
from landscapes.nets.training_problem import TrainingProblem

RNG = np.random.default_rng(0)
TRAIN, TEST = (RNG.integers(0, 256, (n, 3074), np.uint8) for n in (60, 12))
for records in (TRAIN, TEST):
    records[:, 0], records[:, 1] = np.arange(len(records)) % 3, 10 * (np.arange(len(records)) % 3)


TRAIN_BIN, TEST_BIN = TRAIN.tobytes(), TEST.tobytes()


def cifar_folder(tmp_path, train=TRAIN_BIN, test=TEST_BIN):
    folder = tmp_path / "cifar-100-binary"
    folder.mkdir()
    (folder / "train.bin").write_bytes(train)
    (folder / "test.bin").write_bytes(test)
    (folder / "fine_label_names.txt").write_text("\n".join(f"thing{i}" for i in range(100)))
    return folder


def cifar_archive(tmp_path, prefix="cifar-100-binary/"):
    path = tmp_path / "cifar-100-binary.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for name, records in (("train.bin", TRAIN), ("test.bin", TEST)):
            member = tarfile.TarInfo(prefix + name)
            member.size = records.size
            archive.addfile(member, io.BytesIO(records.tobytes()))
    return path


def undo(data, part):
    return part.inputs * data.scale + data.mean


def test_cifar100_is_read_record_by_record(tmp_path):
    folder = cifar_folder(tmp_path)
    data = load(DataSpec("cifar100", path=str(folder), validation=0.2))
    assert data.classes == ("thing0", "thing10", "thing20")
    assert [len(data.train), len(data.validation), len(data.test)] == [48, 12, 12]
    assert data.train.inputs.dtype == np.float32
    assert data.input_shape == (3, 32, 32)
    np.testing.assert_allclose(undo(data, data.test), TEST[:, 2:].reshape(-1, 3, 32, 32), atol=1e-3)
    assert data.test.targets.tolist() == [0, 1, 2] * 4
    np.testing.assert_allclose(data.train.inputs.mean((0, 2, 3)), 0, atol=1e-5)
    np.testing.assert_allclose(data.train.inputs.std((0, 2, 3)), 1, rtol=1e-4)


def test_folder_parent_and_archive_give_the_same(tmp_path):
    folder = cifar_folder(tmp_path)
    (tmp_path / "packed").mkdir()
    archive = cifar_archive(tmp_path / "packed")
    expected = load(DataSpec("cifar100", path=str(folder))).train.inputs
    for path in (tmp_path, archive, tmp_path / "packed"):
        found = load(DataSpec("cifar100", path=str(path)))
        assert np.array_equal(found.train.inputs, expected)
    assert found.classes == ("0", "10", "20")  # names are in a file of their own


def test_n_takes_evenly_from_the_classes(tmp_path):
    data = load(DataSpec("cifar100", path=str(cifar_folder(tmp_path)), n=12, validation=0.0))
    assert np.bincount(data.train.targets).tolist() == [4, 4, 4]
    assert len(data.test) == 3


def test_a_network_trains_on_it(tmp_path):
    data = load(DataSpec("cifar100", path=str(cifar_folder(tmp_path))))
    net = ConvNet(data.input_shape, (2, 3), data.num_outputs, weight_bits=2)
    problem = TrainingProblem(net, data, [0, 1], batch_size=4)
    value, grad = problem.value_and_grad(problem.init().unsqueeze(1), problem.minibatch(1))
    assert value.isfinite().all()
    assert grad.abs().amax() > 0


def test_an_archive_s_paths_lead_nowhere(tmp_path):
    inside = tmp_path / "in"
    inside.mkdir()
    path = cifar_archive(inside, prefix="../../outside/")
    before = sorted(p for p in tmp_path.rglob("*"))
    with pytest.raises(DataError, match=r"train\.bin: not found"):
        load(DataSpec("cifar100", path=str(path)))
    assert sorted(p for p in tmp_path.rglob("*")) == before  # nothing was unpacked


def test_a_link_out_of_the_folder_is_not_followed(tmp_path):
    folder = cifar_folder(tmp_path)
    (folder / "train.bin").rename(tmp_path / "elsewhere.bin")
    (folder / "train.bin").symlink_to(tmp_path / "elsewhere.bin")
    with pytest.raises(DataError, match=r"train\.bin: not found"):
        load(DataSpec("cifar100", path=str(folder)))


class Trap:
    def __reduce__(self):
        return (pytest.fail, ("it was unpickled",))


def test_the_python_version_is_told_apart_and_never_unpickled(tmp_path):
    for name in ("train", "test", "meta"):
        (tmp_path / name).write_bytes(pickle.dumps(Trap()))
    with pytest.raises(DataError, match="the Python version is a pickle, which is not read"):
        load(DataSpec("cifar100", path=str(tmp_path)))


def test_what_is_wrong_with_cifar100_is_said(tmp_path):
    def said(name, **content):
        (tmp_path / name).mkdir()
        with pytest.raises(DataError) as caught:
            load(DataSpec("cifar100", path=str(cifar_folder(tmp_path / name, **content))))
        return str(caught.value)

    assert "train.bin has 3000 bytes, which is not a whole number of records of 3074" in said(
        "a", train=bytes(3000)
    )
    assert "test.bin has 0 bytes" in said("b", test=b"")
    assert "labels beyond 19 (coarse) or 99 (fine)" in said("c", train=b"\xff" * 3074)
    (tmp_path / "text").write_text("hello")
    for path, words in (
        (tmp_path / "none", "there is no"),
        ("/dev/zero", "there is no"),
        ("x" * 300, "there is no"),
        (tmp_path / "text", "is neither a folder nor an archive"),
    ):
        with pytest.raises(DataError, match=words) as caught:
            load(DataSpec("cifar100", path=str(path)))
        assert "https://www.cs.toronto.edu/~kriz/cifar.html" in str(caught.value)
    cut = tmp_path / "cut.tar.gz"
    (tmp_path / "d").mkdir()
    whole = cifar_archive(tmp_path / "d").read_bytes()
    cut.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match="cannot be read"):
        load(DataSpec("cifar100", path=str(cut)))


def test_entries_that_are_too_large_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "MAX_FILE", 1000)
    (tmp_path / "p").mkdir()
    for path in (cifar_folder(tmp_path), cifar_archive(tmp_path / "p")):
        with pytest.raises(DataError, match="bytes, but at most 1000 were expected"):
            load(DataSpec("cifar100", path=str(path)))


WNIDS = ("n01", "n02", "n03")


def jpeg(value, size=(64, 64), mode="RGB"):
    buffer = io.BytesIO()
    colour = (value, 100, 200) if mode == "RGB" else value
    Image.new(mode, size, colour).save(buffer, "JPEG", quality=95)
    return buffer.getvalue()


def tiny_imagenet(each=8):
    files = {"wnids.txt": "\n".join(WNIDS).encode(), "words.txt": b"n01\tthing"}
    for i, wnid in enumerate(WNIDS):
        files[f"train/{wnid}/{wnid}_boxes.txt"] = b"ignored"
        for j in range(each):
            grey = (i, j) == (0, 0)  # a few of the official ones are grey
            files[f"train/{wnid}/images/{wnid}_{j}.JPEG"] = jpeg(
                60 * i + j, mode="L" if grey else "RGB"
            )
    lines = []
    for i, wnid in enumerate(reversed(WNIDS)):
        files[f"val/images/val_{i}.JPEG"] = jpeg(60 * (2 - i))
        lines.append(f"val_{i}.JPEG\t{wnid}\t0\t0\t63\t63")
    files["val/val_annotations.txt"] = "\n".join(lines).encode()
    return files


def tiny_folder(tmp_path, files):
    root = tmp_path / "tiny-imagenet-200"
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    return root


def test_tiny_imagenet_is_read_from_folder_and_zip(tmp_path):
    files = tiny_imagenet()
    root = tiny_folder(tmp_path, files)
    packed = tmp_path / "tiny.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        for name, content in files.items():
            archive.writestr(f"tiny-imagenet-200/{name}", content)
    data = load(DataSpec("tiny-imagenet", path=str(root)))
    assert data.classes == WNIDS
    assert data.input_shape == (3, 64, 64)
    assert [len(data.train), len(data.validation), len(data.test)] == [18, 6, 3]
    assert data.test.targets.tolist() == [2, 1, 0]
    pixels = undo(data, data.test)
    np.testing.assert_allclose(pixels[:, 0].mean((1, 2)), [120, 60, 0], atol=3)
    np.testing.assert_allclose(pixels[:, 1:].mean((2, 3)), [[100, 200]] * 3, atol=3)
    for path in (packed, tmp_path):
        found = load(DataSpec("tiny-imagenet", path=str(path)))
        assert np.array_equal(found.train.inputs, data.train.inputs)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"wnids.txt": None}, "wnids.txt: not found"),
        ({"wnids.txt": b"n01\nn02\nn03\nn04"}, "train/n04/images has no images"),
        ({"val/val_annotations.txt": None}, "val/val_annotations.txt: not found"),
        ({"val/val_annotations.txt": b"val_0.JPEG n01"}, "val_annotations.txt, line 1"),
        ({"val/val_annotations.txt": b"../../x.JPEG\tn01"}, "val_annotations.txt, line 1"),
        ({"val/images/val_1.JPEG": None}, "val/images/val_1.JPEG: not found"),
        ({"train/n02/images/n02_3.JPEG": b"no"}, "n02_3.JPEG is not a JPEG that can be read"),
        ({"train/n02/images/n02_3.JPEG": jpeg(3)[:300]}, "is not a JPEG that can be read"),
        ({"train/n02/images/n02_3.JPEG": jpeg(3, (65, 64))}, "is 65 x 64, but 64 x 64 was"),
    ],
    ids=str,
)
def test_what_is_wrong_with_tiny_imagenet_is_said(tmp_path, change, said):
    files = {n: c for n, c in (tiny_imagenet() | change).items() if c is not None}
    with pytest.raises(DataError) as caught:
        load(DataSpec("tiny-imagenet", path=str(tiny_folder(tmp_path, files))))
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
