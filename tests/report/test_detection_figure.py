import base64
import io
import re
from xml.etree import ElementTree

import numpy as np
import pytest
from matplotlib.image import imread

from thalweg.errors import InvalidValueError
from thalweg.report.detection import detection_figure, write_detections
from thalweg.report.palette import DARK, contrast

IMAGES = np.random.default_rng(0).random((3, 8, 8, 3)).astype(np.float32)
TRUTH = [
    np.array([[0, 0.5, 0.5, 0.4, 0.2], [-1, 0, 0, 0, 0]]),
    np.array([[1, 0.2, 0.6, 0.1, 0.3], [0, 0.7, 0.6, 0.3, 0.2]]),
    np.zeros((0, 5)),
]
FOUND = [np.array([[0, 0.87, 0.52, 0.5, 0.4, 0.22]]), np.zeros((0, 6)), np.array([[1, 0.31, 0.5, 0.02, 0.1, 0.3]])]
CLASSES = ("car", "pedestrian")
SVG = "{http://www.w3.org/2000/svg}"


def drawn(**changes):
    arguments = {"images": IMAGES, "truth": TRUTH, "found": FOUND, "classes": CLASSES, "title": "A & B", **changes}
    return detection_figure(**arguments)


def rectangles(class_):
    tree = ElementTree.fromstring(drawn())
    return [one for one in tree.iter(f"{SVG}rect") if re.fullmatch(class_, one.get("class", ""))]


def test_every_box_is_drawn_where_it_is():
    true, said = rectangles(r"box true c\d"), rectangles(r"box said c\d")
    assert [one.get("class")[-1] for one in true] == ["0", "1", "0"]
    assert [one.get("class")[-1] for one in said] == ["0", "1"]
    place = [float(true[0].get(name)) / 232 for name in ("x", "y", "width", "height")]
    np.testing.assert_allclose(place, (0.3, 0.4, 0.4, 0.2), atol=0.001)


def test_scores_classes_and_counts_are_told():
    page = drawn()
    for words in ("car 0.87", "pedestrian 0.31", "1 true, 1 found", "2 true, 0 found", "0 true, 1 found", "A &amp; B"):
        assert words in page
    assert "3 scenes with 2 of class car, 1 of class pedestrian" in page
    assert "prefers-color-scheme:dark" in page


def test_the_picture_is_whole_and_needs_nothing_else():
    page = drawn()
    hrefs = re.findall(r'href="([^"]+)"', page)
    assert len(hrefs) == 3
    pixels = imread(io.BytesIO(base64.b64decode(hrefs[1].partition(",")[2])), format="png")[..., :3]
    np.testing.assert_allclose(pixels, IMAGES[1], atol=0.5 / 255 + 1e-6)
    assert "http" not in page.replace("http://www.w3.org/2000/svg", "")
    assert drawn() == page


def test_names_stay_in_the_picture_and_apart():
    crowd = np.array([[1, 0.9 - 0.1 * k, 0.99, 0.02 + 0.05 * k, 0.05, 0.1] for k in range(4)])
    tree = ElementTree.fromstring(drawn(images=IMAGES[:1], truth=TRUTH[:1], found=[crowd]))
    plates = [one for one in tree.iter(f"{SVG}rect") if one.get("class", "").startswith("plate")][2:]
    ends = [[float(one.get(name)) for name in ("x", "y", "width", "height")] for one in plates]
    assert len(ends) == 4
    for x, y, width, height in ends:
        assert 0 <= x <= 232 - width + 0.1
        assert 0 <= y <= 232 - height + 0.1


def test_a_names_ink_stands_out_from_its_plate():
    assert min(contrast("#0c1118", DARK.contenders[hue]) for hue in (0, 1)) > 4.5


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"images": IMAGES[0]}, r"images of shape \(8, 8, 3\) are not allowed; give at least one"),
        ({"truth": TRUTH[:2]}, "truth has boxes of 2 scenes for 3 images; give one array each"),
        ({"found": [np.zeros((1, 5))] * 3}, r"found holds an array of shape \(1, 5\); give rows of 6 numbers"),
        ({"classes": ("car",)}, "truth holds an array .* the class below 1 first"),
    ],
)
def test_arrays_that_do_not_fit_are_told_in_a_sentence(changes, message):
    with pytest.raises(InvalidValueError, match=message):
        drawn(**changes)


def test_writing(tmp_path):
    path = write_detections(tmp_path / "found.svg", IMAGES, TRUTH, FOUND, CLASSES)
    ElementTree.fromstring(path.read_text(encoding="utf-8"))
    with pytest.raises(InvalidValueError, match=r"does not end in \.svg"):
        write_detections(tmp_path / "found.png", IMAGES, TRUTH, FOUND, CLASSES)
