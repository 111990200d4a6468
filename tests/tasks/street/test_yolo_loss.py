"""The five terms of YOLO's loss, against the paper's equation written out in loops, and against finite differences."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from thalweg.tasks.street.boxes import grid_labels, overlap
from thalweg.tasks.street.yolo_loss import Prediction, yolo_loss, yolo_terms

TERMS = ("centre", "extent", "object", "no-object", "class")


terms_of = jax.jit(yolo_terms)
gradients_of = jax.jit(jax.jacrev(yolo_terms))
gradient_of = jax.jit(jax.grad(yolo_loss))


def literal_overlap(a, b):
    left, right = max(a[0] - a[2] / 2, b[0] - b[2] / 2), min(a[0] + a[2] / 2, b[0] + b[2] / 2)
    top, bottom = max(a[1] - a[3] / 2, b[1] - b[3] / 2), min(a[1] + a[3] / 2, b[1] + b[3] / 2)
    if right <= left or bottom <= top:
        return 0.0
    common = (right - left) * (bottom - top)
    return common / (a[2] * a[3] + b[2] * b[3] - common)


def literal_terms(boxes, confidence, classes, objects, frozen=None):
    """Equation 3 of Redmon et al. 2016, object by object; objects: per picture {(row, column): (class, x, y, w, h)}.

    ``frozen`` holds overlaps to use in place of those of ``boxes``, as no gradient flows through them.
    """
    n, rows, columns, count = confidence.shape
    sums = dict.fromkeys(TERMS, 0.0)
    for k in range(n):
        for i in range(rows):
            for j in range(columns):
                there = objects[k].get((i, j))
                best = -1
                if there is not None:
                    kind, x, y, w, h = there
                    of = boxes if frozen is None else frozen
                    overlaps = []
                    for b in range(count):
                        u, v, s, t = of[k, i, j, b]
                        said = ((j + u) / columns, (i + v) / rows, s, t)
                        overlaps.append(literal_overlap(said, ((j + x) / columns, (i + y) / rows, w, h)))
                    best = overlaps.index(max(overlaps))
                    u, v, s, t = boxes[k, i, j, best]
                    sums["centre"] += 5 * ((x - u) ** 2 + (y - v) ** 2)
                    sums["extent"] += 5 * ((w**0.5 - s**0.5) ** 2 + (h**0.5 - t**0.5) ** 2)
                    sums["object"] += (overlaps[best] - confidence[k, i, j, best]) ** 2
                    for c in range(classes.shape[-1]):
                        sums["class"] += ((c == kind) - classes[k, i, j, c]) ** 2
                for b in range(count):
                    if b != best:
                        sums["no-object"] += 0.5 * (0 - confidence[k, i, j, b]) ** 2
    return {name: value / n for name, value in sums.items()}


def case(seed, n=3, grid=4, boxes=2, classes=3):
    rng = np.random.default_rng(seed)
    objects, labels = [], np.zeros((n, grid, grid, 5 + classes))
    for k in range(n):
        found = {}
        for cell in rng.permutation(grid * grid)[: rng.integers(0, 6)]:
            i, j = divmod(int(cell), grid)
            there = (int(rng.integers(classes)), *rng.random(2), *rng.uniform(0.1, 0.6, 2))
            found[i, j] = there
            labels[k, i, j] = (1, *there[1:], *(np.arange(classes) == there[0]))
        objects.append(found)
    size = (n, grid, grid)
    said = np.concatenate([rng.uniform(-0.2, 1.2, (*size, boxes, 2)), rng.uniform(0.05, 0.8, (*size, boxes, 2))], -1)
    prediction = Prediction(said, rng.normal(0.3, 0.4, (*size, boxes)), rng.normal(0.3, 0.4, (*size, classes)))
    return prediction, labels, objects


@pytest.mark.parametrize("seed", range(4))
def test_all_five_terms_are_the_papers(seed):
    prediction, labels, objects = case(seed, boxes=1 + seed % 2)
    with jax.enable_x64(True):
        found = {name: float(value) for name, value in terms_of(prediction, labels).items()}
    expected = literal_terms(*prediction, objects)
    assert set(found) == set(TERMS)
    for name in TERMS:
        assert found[name] == pytest.approx(expected[name], rel=1e-12, abs=1e-14), name
    assert min(expected.values()) > 0  # every term is put to the test


@pytest.mark.parametrize("term", TERMS)
def test_gradients_agree_with_finite_differences_of_the_reference(term):
    prediction, labels, objects = case(11, n=2, grid=3)
    with jax.enable_x64(True):
        gradient = [np.asarray(part) for part in gradients_of(prediction, labels)[term]]
    rng, step = np.random.default_rng(0), 1e-6
    for _ in range(12):
        direction = Prediction(*(rng.normal(size=part.shape) for part in prediction))
        ends = [
            literal_terms(*(p + s * step * d for p, d in zip(prediction, direction, strict=True)), objects,
                          frozen=prediction.boxes)[term]
            for s in (1, -1)
        ]  # fmt: skip
        along = sum(float(np.sum(g * d)) for g, d in zip(gradient, direction, strict=True))
        assert along == pytest.approx((ends[0] - ends[1]) / (2 * step), rel=1e-6, abs=1e-8)


def test_the_loss_is_the_sum_of_its_terms():
    prediction, labels, objects = case(2)
    total = sum(literal_terms(*prediction, objects).values())
    assert float(jax.jit(yolo_loss)(prediction, labels)) == pytest.approx(total, rel=1e-5)
    assert tuple(yolo_terms(prediction, labels)) == TERMS


def test_no_gradient_flows_through_overlap_and_responsibility():
    prediction, labels, _ = case(11, n=2, grid=3)
    gradient = gradients_of(prediction, labels)["object"]
    assert not np.any(gradient.boxes)
    assert np.any(gradient.confidence)


def test_only_the_responsible_box_is_drawn_to_the_object():
    labels = grid_labels(np.array([[[0, 0.5, 0.5, 0.4, 0.4]]]), grid=1, classes=2)
    boxes = np.array([[0.5, 0.5, 0.1, 0.1], [0.55, 0.5, 0.4, 0.4]]).reshape(1, 1, 1, 2, 4)
    prediction = Prediction(boxes, np.zeros((1, 1, 1, 2)), np.array([[[[1.0, 0.0]]]]))
    terms = terms_of(prediction, labels)
    assert float(terms["centre"]) == pytest.approx(5 * 0.05**2, rel=1e-5)
    assert float(terms["object"]) == pytest.approx((0.35 / 0.45) ** 2, rel=1e-5)
    assert float(terms["class"]) == 0
    assert float(terms["no-object"]) == 0
    pull = gradient_of(prediction, labels).boxes
    assert not np.any(pull[0, 0, 0, 0])
    assert np.any(pull[0, 0, 0, 1])


def test_where_no_box_overlaps_the_first_is_responsible():
    labels = grid_labels(np.array([[[1, 0.5, 0.5, 0.2, 0.2]]]), grid=1, classes=2)
    far = np.full((1, 1, 1, 2, 4), 0.01)
    prediction = Prediction(far, np.array([[[[0.5, 0.25]]]]), np.zeros((1, 1, 1, 2)))
    terms = terms_of(prediction, labels)
    assert float(terms["object"]) == pytest.approx(0.25)
    assert float(terms["no-object"]) == pytest.approx(0.5 * 0.25**2)


def test_a_box_without_extent_has_a_finite_gradient():
    prediction, labels, _ = case(5)
    flat = prediction._replace(boxes=np.concatenate([prediction.boxes[..., :2], 0 * prediction.boxes[..., 2:]], -1))
    gradient = gradient_of(flat, labels)
    assert all(np.all(np.isfinite(part)) for part in gradient)


def test_the_weights_of_the_terms_are_five_and_a_half():
    prediction, labels, _ = case(8)
    ours, plain = terms_of(prediction, labels), terms_of(prediction, labels, coordinates=1.0, no_object=1.0)
    ratios = {name: float(ours[name] / plain[name]) for name in TERMS}
    assert ratios == pytest.approx({"centre": 5, "extent": 5, "object": 1, "no-object": 0.5, "class": 1}, rel=1e-5)


def test_members_of_a_population_are_independent():
    cases = [case(seed) for seed in range(3)]
    stacked = Prediction(*(jnp.stack(parts) for parts in zip(*(prediction for prediction, _, _ in cases), strict=True)))
    labels = jnp.stack([labels for _, labels, _ in cases])
    each = [sum(literal_terms(*prediction, objects).values()) for prediction, _, objects in cases]
    np.testing.assert_allclose(jax.jit(jax.vmap(yolo_loss))(stacked, labels), each, rtol=1e-5)


def test_overlap_of_known_boxes():
    one = np.array([0.5, 0.5, 0.4, 0.2])
    others = np.array([one, [0.7, 0.5, 0.4, 0.2], [0.5, 0.5, 0.2, 0.2], [0.95, 0.5, 0.1, 0.1], [0.5, 0.5, -1, 0.2]])
    np.testing.assert_allclose(overlap(one, others), [1, 1 / 3, 1 / 2, 0, 0], atol=1e-6)
    assert overlap(np.zeros(4), np.zeros(4)) == 0


def test_labels_of_a_grid():
    boxes = np.array([[[1, 0.30, 0.90, 0.1, 0.2], [0, 1.0, 0.5, 0.2, 0.1], [-1, 0, 0, 0, 0]]])
    labels = grid_labels(boxes, grid=4, classes=2)
    np.testing.assert_allclose(labels[0, 3, 1], [1, 0.2, 0.6, 0.1, 0.2, 0, 1], atol=1e-6)
    np.testing.assert_allclose(labels[0, 2, 3], [1, 1.0, 0.0, 0.2, 0.1, 1, 0], atol=1e-6)  # a centre on the rim
    assert labels[..., 0].sum() == 2
    assert labels.dtype == np.float32


def test_of_two_objects_in_a_cell_the_larger_is_kept():
    boxes = np.array([[[0, 0.6, 0.6, 0.4, 0.4], [1, 0.7, 0.7, 0.1, 0.3]]])
    for order in ([0, 1], [1, 0]):
        labels = grid_labels(boxes[:, order], grid=2, classes=2)
        np.testing.assert_allclose(labels[0, 1, 1], [1, 0.2, 0.2, 0.4, 0.4, 1, 0], atol=1e-6)
