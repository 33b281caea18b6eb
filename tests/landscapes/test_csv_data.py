"""Own data: what a CSV may be, and one sentence for every way it can be wrong."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from landscapes.data import csv_data
from landscapes.data.csv_data import read_csv
from landscapes.data.datasets import DataError, DataSpec
from landscapes.data.loading import load

SPEC = DataSpec("csv", validation=0.0, test=0.0)
ROWS = [f"{i},{i * i % 7},{'ab'[i % 2]}" for i in range(10)]
GOOD = "\n".join(["x,y,kind", *ROWS])


def read(text, spec=SPEC, **more):
    return read_csv(text if isinstance(text, bytes) else text.encode(), spec, **more)


def raw(data):
    return data.train.inputs * data.scale + data.mean


def test_numbers_classes_and_names_are_read():
    data = read(GOOD)
    assert data.classes == ("a", "b")
    assert data.features == ("x", "y")
    assert data.train.targets.tolist() == [0, 1] * 5
    np.testing.assert_allclose(raw(data), [[i, i * i % 7] for i in range(10)], atol=1e-12)


@pytest.mark.parametrize(
    "text",
    [
        GOOD + "\n\n\n",
        GOOD.replace(",", ";"),
        GOOD.replace(",", "\t"),
        GOOD.replace("\n", "\r\n"),
        "\ufeff" + GOOD,
        GOOD.replace("kind", '"kind"').replace("x", ' "x"'.strip()),
        "\n" + GOOD.replace("\n", "\n\n"),
    ],
    ids=["blank end", "semicolon", "tab", "crlf", "bom", "quotes", "blank lines"],
)
def test_the_same_table_in_other_clothes(text):
    data = read(text)
    assert np.array_equal(data.train.inputs, read(GOOD).train.inputs)
    assert np.array_equal(data.train.targets, read(GOOD).train.targets)


def test_without_a_header_columns_are_numbered():
    data = read("\n".join(ROWS))
    assert data.features == ("x1", "x2")
    assert len(data.train) == 10


def test_the_target_may_be_any_named_column():
    data = read(GOOD.replace("a", "0").replace("b", "1"), DataSpec("csv", target="y", test=0.0,
                                                                   validation=0.0))  # fmt: skip
    assert data.features == ("x", "kind")
    assert data.classes == ("0", "1", "2", "4")


def test_values_make_a_regression_and_whole_numbers_few_classes():
    table = [f"{i},{i / 2}" for i in range(10)]
    data = read("\n".join(table))
    assert data.classes == ()
    np.testing.assert_allclose(
        data.train.targets * data.target_scale + data.target_mean, np.arange(10) / 2
    )
    whole = "\n".join(f"{i},{i % 3 + 8}.0" for i in range(12))
    assert read(whole).classes == ("8", "9", "10")  # by size, not by letters
    assert read(whole, task="values").classes == ()
    many = "\n".join(f"{i},{i}" for i in range(30))
    assert read(many).classes == ()
    assert len(read(many, task="classes").classes) == 30


def test_splits_n_and_noise_apply():
    text = "\n".join(f"{i},{i % 2}" for i in range(100))
    data = read(text, DataSpec("csv", n=40, noise=0.5))
    assert [len(data.train), len(data.validation), len(data.test)] == [20, 10, 10]
    clean = read(text, DataSpec("csv", n=40))
    difference = raw(data) - raw(clean)
    assert 0.2 < difference.std() < 0.9


BAD = {
    "empty": ("", "the CSV is empty"),
    "blank": ("\n \n", "the CSV is empty"),
    "header only": ("x,y\n", "has a header but no rows"),
    "few rows": ("x,y\n1,2\n3,4", "has 2 rows of data: give at least 8"),
    "one column": ("x\n" + "1\n" * 9, "has one column"),
    "ragged": (GOOD.replace("4,2,a", "4,2"), "line 6 of the CSV has 2 cells, but the first line"),
    "long row": (GOOD.replace("4,2,a", "4,2,a,"), "line 6 of the CSV has 4 cells"),
    "text": (GOOD.replace("4,2,a", "4,two,a"), "line 6 of the CSV, column 'y': 'two' is not"),
    "decimal comma": (
        GOOD.replace(",", ";").replace("4;2;a", "4;2,5;a"),
        "column 'y': '2,5' is not a number, but every feature must be one, with a decimal point",
    ),
    "underscore": (GOOD.replace("4,2,a", "4,1_0,a"), "'1_0' is not a number"),
    "hole": (GOOD.replace("4,2,a", "4,,a"), "line 6 of the CSV, column 'y': the cell is empty"),
    "nan": (GOOD.replace("4,2,a", "nan,2,a"), "line 6 of the CSV, column 'x': 'nan' is not"),
    "inf": (GOOD.replace("4,2,a", "-inf,2,a"), "'-inf' is not a finite number"),
    "overflow": (GOOD.replace("4,2,a", "1e999,2,a"), "'1e999' is not a finite number"),
    "too large": (GOOD.replace("4,2,a", "1e101,2,a"), "is not a finite number below 1e+100"),
    "digits": (GOOD.replace("4,2,a", f"1{'0' * 5000},2,a"), "…' is not a finite"),
    "name": (GOOD.replace("y,kind", "y" * 5000 + ",kind").replace(",2,a", ",,a"), "yy…': the"),
    "no target": (GOOD.replace("4,2,a", "4,2,"), "line 6 of the CSV, target 'kind': the cell"),
    "nan target": (
        "x,y\n" + "\n".join(f"{i},{i / 2}" for i in range(8)) + "\n9,nan",
        "line 10 of the CSV, target 'y': 'nan' is not a finite number",
    ),
    "one class": (GOOD.replace(",b", ",a"), "the target 'kind' is 'a' in every row"),
    "twice": (GOOD.replace("x,y", "x,x"), "the CSV's header names 2 columns 'x'"),
    "unnamed": (GOOD.replace("x,y", "x,"), "column 2 of the CSV has no name"),
    "latin-1": (GOOD.replace("kind", "grün").encode("latin-1"), "is not UTF-8 text (line 1)"),
    "workbook": (b"PK\x03\x04" + bytes(range(256)), "save it as CSV UTF-8, not as a workbook"),
    "binary": (b"a,b\n\0\0,1\n", "is not text but binary"),
    "open quote": (GOOD + '\n1,"2,a', "cannot be read"),
    "too many classes": (
        "\n".join(f"{i},name{i}" for i in range(101)),
        "has 101 different texts, but at most 100",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("text", "said"), BAD.values(), ids=list(BAD))
def test_every_way_a_csv_can_be_wrong_has_its_sentence(text, said):
    with pytest.raises(DataError) as caught:
        read(text)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300


def test_a_target_that_is_not_there_and_values_that_are_none():
    with pytest.raises(DataError, match="no column 'z': its first line names x, y, kind"):
        read(GOOD, DataSpec("csv", target="z"))
    with pytest.raises(DataError, match="'a' is not a number, but the target is to be one"):
        read(GOOD, task="values")
    with pytest.raises(DataError, match="in every row: there is nothing to learn"):
        read("\n".join(f"{i},0.5" for i in range(9)))


def test_caps_are_named(monkeypatch):
    monkeypatch.setattr(csv_data, "MAX_ROWS", 9)
    with pytest.raises(DataError, match="more than 9 rows"):
        read(GOOD)
    monkeypatch.setattr(csv_data, "MAX_COLUMNS", 2)
    monkeypatch.setattr(csv_data, "MAX_ROWS", 100)
    with pytest.raises(DataError, match="has 3 columns, but at most 2 are read"):
        read(GOOD)
    monkeypatch.setattr(csv_data, "MAX_BYTES", 10)
    with pytest.raises(DataError, match=r"MB, but at most 0 MB are read"):
        read(GOOD)


def test_files_are_read_from_their_path(tmp_path):
    file = tmp_path / "own.csv"
    file.write_text(GOOD)
    data = load(DataSpec("csv", path=str(file), validation=0.2, test=0.2))
    assert data.num_outputs == 1
    for wrong in (tmp_path / "none.csv", tmp_path):
        with pytest.raises(DataError, match="cannot be read"):
            load(DataSpec("csv", path=str(wrong)))
    for wrong in ("a\0.csv", "\ud800.csv"):
        with pytest.raises(DataError, match="is not the name of a file"):
            load(DataSpec("csv", path=wrong))
    with pytest.raises(DataError, match="at most 20 MB"):
        load(DataSpec("csv", path="/dev/zero"))


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_whatever_the_bytes_the_answer_is_data_or_one_sentence(content):
    said = ""
    try:
        inputs = read(content).train.inputs
    except DataError as error:
        said, inputs = str(error), np.zeros(1)
    assert "\n" not in said
    assert np.isfinite(inputs).all()
