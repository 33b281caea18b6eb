"""CIFAR-100 and Tiny ImageNet from the files their makers publish, read without unpickling.

Nothing is downloaded. CIFAR-100 (Krizhevsky 2009) is the *binary* version, ``cifar-100-binary``,
from https://www.cs.toronto.edu/~kriz/cifar.html: the archive or its folder with ``train.bin`` and
``test.bin``. A record is 3074 bytes: coarse label, fine label, 3 planes of 32 x 32 (red, green,
blue, row by row). The fine labels are the classes. Tiny ImageNet (Stanford CS231n) is the folder
``tiny-imagenet-200`` or its zip from http://cs231n.stanford.edu/tiny-imagenet-200.zip::

    wnids.txt                              one class a line
    train/<wnid>/images/<wnid>_<i>.JPEG    64 x 64
    val/images/val_<i>.JPEG
    val/val_annotations.txt                file, wnid, box; separated by tabs

Its ``val`` serves as the test set: the labels of its own test images were never published.

Archives are read in place, entry by entry: nothing is unpacked to disk, so that no path inside one
can lead anywhere.
"""

from __future__ import annotations

import io
import os
import tarfile
import zipfile
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from landscapes.data.datasets import DataError, Dataset, DataSpec, Split, split_up
from landscapes.data.made_data import evenly

CIFAR_SIDE, CIFAR_RECORD = 32, 2 + 3 * 32 * 32
TINY_SIDE = 64
MAX_FILE = 400_000_000  # bytes of one entry; the largest, CIFAR-100's train.bin, has 153 700 000
MAX_IMAGE = 1_000_000  # bytes of one JPEG; Tiny ImageNet's have a few thousand

_WANTED = {
    "cifar100": "the folder cifar-100-binary with train.bin and test.bin, or the archive "
    "cifar-100-binary.tar.gz (binary version) from https://www.cs.toronto.edu/~kriz/cifar.html",
    "tiny-imagenet": "the folder tiny-imagenet-200 with wnids.txt, train and val, or the archive "
    "http://cs231n.stanford.edu/tiny-imagenet-200.zip",
}


def read_images(spec: DataSpec) -> Dataset:
    """Read CIFAR-100 or Tiny ImageNet from ``spec.path``.

    Args:
        spec: ``path`` may be the folder, one that holds it, or the archive. ``n`` examples are
            taken for training and validation, as evenly from the classes as they allow; of the
            test set, ``n / 4``, or all of it if n is None.

    Returns:
        Inputs ``(n, 3, side, side)``, float32.

    Raises:
        DataError: If the files are missing or are not what they should be.
    """
    path = Path(spec.path or "")
    if not (os.path.isdir(path) or os.path.isfile(path)):  # a device has no end
        raise DataError(f"there is no {path}: {spec.name} needs {_WANTED[spec.name]}")
    reader = _cifar100 if spec.name == "cifar100" else _tiny_imagenet
    try:
        with _opened(path, spec.name) as files:
            examples, test, classes = reader(files, spec)
    except (OSError, tarfile.TarError, zipfile.BadZipFile, EOFError) as error:
        raise DataError(f"{path} cannot be read ({error}): {spec.name} needs "
                        f"{_WANTED[spec.name]}") from None  # fmt: skip
    return split_up(spec, examples, classes, test=test)


class _Files(ABC):
    """Files by their names below the data's own folder."""

    @abstractmethod
    def names(self) -> Iterator[str]:
        """All names, with ``/`` between the parts."""

    @abstractmethod
    def read(self, name: str, most: int) -> bytes | None:
        """The content; None if there is none of that name."""


class _Folder(_Files):
    def __init__(self, root: Path) -> None:
        self.root = root.resolve()

    def names(self) -> Iterator[str]:
        for file in sorted(self.root.rglob("*")):
            if file.is_file():
                yield file.relative_to(self.root).as_posix()

    def read(self, name: str, most: int) -> bytes | None:
        file = (self.root / name).resolve()
        if not file.is_relative_to(self.root) or not file.is_file():
            return None
        _check_size(name, file.stat().st_size, most)
        return file.read_bytes()


class _Tar(_Files):
    def __init__(self, archive: tarfile.TarFile) -> None:
        members = (m for m in archive.getmembers() if m.isreg())
        self.archive, self.members = archive, {_below_top(m.name): m for m in members}

    def names(self) -> Iterator[str]:
        return iter(sorted(self.members))

    def read(self, name: str, most: int) -> bytes | None:
        member = self.members.get(name)
        if member is None:
            return None
        _check_size(name, member.size, most)
        stream = self.archive.extractfile(member)
        return stream.read(most + 1) if stream else None


class _Zip(_Files):
    def __init__(self, archive: zipfile.ZipFile) -> None:
        infos = (i for i in archive.infolist() if not i.is_dir())
        self.archive, self.infos = archive, {_below_top(i.filename): i for i in infos}

    def names(self) -> Iterator[str]:
        return iter(sorted(self.infos))

    def read(self, name: str, most: int) -> bytes | None:
        info = self.infos.get(name)
        if info is None:
            return None
        _check_size(name, info.file_size, most)  # zipfile stops at the size that the entry states
        with self.archive.open(info) as stream:
            return stream.read(most + 1)


def _below_top(name: str) -> str:
    """``cifar-100-binary/train.bin`` -> ``train.bin``."""
    return name.removeprefix("./").partition("/")[2]


def _check_size(name: str, size: int, most: int) -> None:
    if size > most:
        raise DataError(f"{name} has {size} bytes, but at most {most} were expected")


@contextmanager
def _opened(path: Path, name: str) -> Iterator[_Files]:
    if path.is_dir():
        inside = path / ("cifar-100-binary" if name == "cifar100" else "tiny-imagenet-200")
        packed = path / ("cifar-100-binary.tar.gz" if name == "cifar100" else
                         "tiny-imagenet-200.zip")  # fmt: skip
        landmark = "train.bin" if name == "cifar100" else "wnids.txt"
        if not (path / landmark).exists() and not inside.is_dir() and packed.is_file():
            path = packed
        else:
            yield _Folder(inside if inside.is_dir() and not (path / landmark).exists() else path)
            return
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            yield _Zip(archive)
    elif tarfile.is_tarfile(path):
        with tarfile.open(path) as archive:
            yield _Tar(archive)
    else:
        raise DataError(f"{path} is neither a folder nor an archive: {name} needs {_WANTED[name]}")


Parts = tuple[Split, Split, tuple[str, ...]]


def _cifar100(files: _Files, spec: DataSpec) -> Parts:
    """Training examples, test examples and names of the classes."""
    parts = []
    for name, n in (("train.bin", spec.n), ("test.bin", spec.n and max(1, spec.n // 4))):
        content = files.read(name, MAX_FILE)
        if content is None:
            pickled = "train" in files.names()
            told = "the Python version is a pickle, which is not read" if pickled else "not found"
            raise DataError(f"{name}: {told}: cifar100 needs {_WANTED['cifar100']}")
        if not content or len(content) % CIFAR_RECORD:
            raise DataError(
                f"{name} has {len(content)} bytes, which is not a whole number of records of "
                f"{CIFAR_RECORD}: it is damaged or not the binary version of CIFAR-100"
            )
        records = np.frombuffer(content, np.uint8).reshape(-1, CIFAR_RECORD)
        labels = records[:, 1].astype(np.int64)
        if labels.max() > 99 or records[:, 0].max() > 19:
            raise DataError(
                f"{name} has labels beyond 19 (coarse) or 99 (fine): it is not the binary version "
                "of CIFAR-100 (CIFAR-10 has one label to a record)"
            )
        kept = _kept(labels, n, spec.seed)
        images = records[kept, 2:].reshape(-1, 3, CIFAR_SIDE, CIFAR_SIDE).astype(np.float32)
        parts.append((images, labels[kept]))
    present = np.unique(parts[0][1])  # all 100, unless few examples were asked for
    names = _class_names(files, present)
    return *_relabelled(parts, present), names


def _class_names(files: _Files, present: NDArray) -> tuple[str, ...]:
    """The lines of ``fine_label_names.txt`` if it is there, else the labels' numbers."""
    text = (files.read("fine_label_names.txt", 100_000) or b"").decode("ascii", "replace").split()
    return tuple(text[i] if len(text) == 100 else str(i) for i in present)


def _tiny_imagenet(files: _Files, spec: DataSpec) -> Parts:
    """Training examples, test examples and names of the classes."""
    listing = files.read("wnids.txt", 100_000)
    if listing is None:
        raise DataError(f"wnids.txt: not found: tiny-imagenet needs {_WANTED['tiny-imagenet']}")
    classes = listing.decode("ascii", "replace").split()
    index = {wnid: i for i, wnid in enumerate(classes)}
    found: dict[str, list[str]] = {wnid: [] for wnid in classes}
    for name in files.names():
        parts = name.split("/")
        if len(parts) == 4 and parts[0] == "train" and parts[2] == "images" and parts[1] in found:
            found[parts[1]].append(name)
    if missing := [wnid for wnid, names in found.items() if not names]:
        raise DataError(
            f"train/{missing[0]}/images has no images, but wnids.txt lists that class: "
            f"tiny-imagenet needs {_WANTED['tiny-imagenet']}"
        )
    names = [name for wnid in classes for name in found[wnid]]
    labels = np.array([index[name.split("/")[1]] for name in names])
    annotations = files.read("val/val_annotations.txt", 10_000_000)
    if annotations is None:
        raise DataError(
            f"val/val_annotations.txt: not found: tiny-imagenet needs {_WANTED['tiny-imagenet']}"
        )
    val_names, val_labels = [], []
    for i, line in enumerate(annotations.decode("utf-8", "replace").splitlines(), 1):
        file, _, rest = line.partition("\t")
        wnid = rest.split("\t")[0]
        if not file.strip():
            continue
        if wnid not in index or "/" in file:
            raise DataError(f"val/val_annotations.txt, line {i}: expected a file's name, a tab and "
                            "a class of wnids.txt")  # fmt: skip
        val_names.append(f"val/images/{file}")
        val_labels.append(index[wnid])
    read: list[tuple[NDArray, NDArray]] = []
    for all_names, all_labels, n in (
        (names, labels, spec.n),
        (val_names, np.array(val_labels, np.int64), spec.n and max(1, spec.n // 4)),
    ):
        kept = _kept(all_labels, n, spec.seed)
        read.append((_decoded(files, [all_names[i] for i in kept]), all_labels[kept]))
    present = np.unique(read[0][1])
    return *_relabelled(read, present), tuple(classes[i] for i in present)


def _decoded(files: _Files, names: Sequence[str]) -> NDArray:
    """JPEGs to ``(n, 3, 64, 64)``, float32, 0..255; grey ones have three equal planes."""
    from PIL import Image, UnidentifiedImageError

    images = np.empty((len(names), 3, TINY_SIDE, TINY_SIDE), np.float32)
    for place, name in zip(images, names, strict=True):
        content = files.read(name, MAX_IMAGE)
        if content is None:
            raise DataError(f"{name}: not found, though it is listed: the data is not complete")
        try:
            with Image.open(io.BytesIO(content), formats=["JPEG"]) as image:
                if image.size != (TINY_SIDE, TINY_SIDE):
                    raise DataError(f"{name} is {image.size[0]} x {image.size[1]}, "
                                    f"but {TINY_SIDE} x {TINY_SIDE} was expected")  # fmt: skip
                place[:] = np.asarray(image.convert("RGB")).transpose(2, 0, 1)
        except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
            if isinstance(error, DataError):
                raise
            raise DataError(f"{name} is not a JPEG that can be read: {error}") from None
    return images


def _kept(labels: NDArray, n: int | None, seed: int) -> NDArray:
    return evenly(labels, len(labels) if n is None else n, np.random.default_rng([seed, 105]))


def _relabelled(parts: Sequence[tuple[NDArray, NDArray]], present: NDArray) -> tuple[Split, Split]:
    """Number the classes that are present from 0, and leave out test examples of others."""
    new = np.full(int(max(labels.max(initial=0) for _, labels in parts)) + 1, -1)
    new[present] = np.arange(len(present))
    train, test = (
        Split(images[(own := new[labels]) >= 0], own[own >= 0]) for images, labels in parts
    )
    return train, test
