"""Mean average precision against a literal reference: lists, loops, one box after the other."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from thalweg.tasks.street.detection_metric import Detections, average_precision, detect, mean_average_precision
from thalweg.tasks.street.yolo_loss import Prediction

detected = jax.jit(detect, static_argnums=(1, 2))
mean_precision = jax.jit(mean_average_precision)


@partial(jax.jit, static_argnums=(2, 3))
def precision_of(prediction, truth, kind, most):
    return average_precision(detect(prediction, kind, most), truth, kind)


def literal_overlap(a, b):
    left, right = max(a[0] - a[2] / 2, b[0] - b[2] / 2), min(a[0] + a[2] / 2, b[0] + b[2] / 2)
    top, bottom = max(a[1] - a[3] / 2, b[1] - b[3] / 2), min(a[1] + a[3] / 2, b[1] + b[3] / 2)
    if right <= left or bottom <= top:
        return 0.0
    common = (right - left) * (bottom - top)
    return common / (a[2] * a[3] + b[2] * b[3] - common)


def literal_detections(prediction, kind, most):
    """Per picture (score, box) after non-maximum suppression, the surest first."""
    boxes, confidence, classes = prediction
    n, rows, columns, count = confidence.shape
    found = []
    for k in range(n):
        candidates = []
        for i in range(rows):
            for j in range(columns):
                for b in range(count):
                    u, v, w, h = boxes[k, i, j, b]
                    score = confidence[k, i, j, b] * classes[k, i, j, kind]
                    candidates.append((score, ((u + j) / columns, (v + i) / rows, w, h)))
        candidates = sorted(candidates, key=lambda one: -one[0])[:most]
        kept = []
        while candidates:
            first = candidates.pop(0)
            kept.append(first)
            candidates = [one for one in candidates if literal_overlap(one[1], first[1]) <= 0.5]
        found.append(kept)
    return found


def literal_average_precision(found, truth, kind):
    objects = [[tuple(row[1:]) for row in rows if row[0] == kind] for rows in truth]
    total = sum(map(len, objects))
    said = sorted(
        ((score, k, box) for k, kept in enumerate(found) for score, box in kept), key=lambda one: -one[0]
    )  # a stable sort
    used, hits = set(), []
    for _, k, box in said:
        overlaps = [literal_overlap(box, other) for other in objects[k]]
        best = overlaps.index(max(overlaps)) if overlaps else -1
        hit = best >= 0 and overlaps[best] >= 0.5 and (k, best) not in used
        if hit:
            used.add((k, best))
        hits.append(hit)
    precision = [sum(hits[: m + 1]) / (m + 1) for m in range(len(hits))]
    return sum(max(precision[m:]) / total for m in range(len(hits)) if hits[m])


def case(seed, n=6, grid=3):
    """Predictions that are half right: true boxes moved a little, found twice, or not at all."""
    rng = np.random.default_rng(seed)
    truth = np.zeros((n, 5, 5))
    truth[..., 0] = -1
    boxes = np.concatenate([rng.random((n, grid, grid, 2, 2)), rng.uniform(0.1, 0.5, (n, grid, grid, 2, 2))], -1)
    for k in range(n):
        for row in range(rng.integers(0, 5)):
            x, y, w, h = *rng.uniform(0.1, 0.9, 2), *rng.uniform(0.2, 0.5, 2)
            truth[k, row] = (rng.integers(2), x, y, w, h)
            i, j = int(y * grid), int(x * grid)
            for b in range(2):
                moved = np.array([x * grid - j, y * grid - i, w, h]) + rng.normal(0, 0.04, 4)
                boxes[k, i, j, b] = moved
    confidence = rng.uniform(-0.1, 1, (n, grid, grid, 2))
    return Prediction(boxes, confidence, rng.random((n, grid, grid, 2))), truth


@pytest.mark.parametrize("most", [20, 7])
@pytest.mark.parametrize("seed", range(5))
def test_average_precision_is_the_references(seed, most):
    prediction, truth = case(seed)
    with jax.enable_x64(True):
        ours = [float(precision_of(prediction, truth, c, most)) for c in range(2)]
    literal = [literal_average_precision(literal_detections(prediction, c, most), truth, c) for c in range(2)]
    assert ours == pytest.approx(literal, abs=1e-12)
    assert min(literal) > 0


def test_the_mean_is_over_both_classes():
    prediction, truth = case(1)
    found = float(mean_precision(prediction, truth))
    each = [literal_average_precision(literal_detections(prediction, c, 20), truth, c) for c in range(2)]
    assert found == pytest.approx(np.mean(each), abs=1e-5)


def test_suppression_keeps_the_same_boxes_as_the_reference():
    prediction, _ = case(4)
    suppressed = 0
    for kind in range(2):
        with jax.enable_x64(True):
            ours = Detections(*map(np.asarray, detected(prediction, kind, 20)))
        for k, kept in enumerate(literal_detections(prediction, kind, 20)):
            suppressed += 18 - len(kept)
            np.testing.assert_allclose(ours.scores[k][ours.kept[k]], [score for score, _ in kept], rtol=1e-12)
            np.testing.assert_allclose(ours.boxes[k][ours.kept[k]], [box for _, box in kept], rtol=1e-12)
    assert suppressed > 10


judge = jax.jit(average_precision, static_argnums=2)


def by_hand(*rows, objects=((0.5, 0.5, 0.2, 0.2),)):
    """Average precision in one picture; rows: score and centre x of boxes of side 0.2."""
    boxes = np.array([[[x, 0.5, 0.2, 0.2] for _, x in rows]], np.float32)
    said = Detections(boxes, np.array([[score for score, _ in rows]]), np.ones((1, len(rows)), bool))
    return float(judge(said, np.array([[(0, *one) for one in objects]]), 0))


TWO = ((0.2, 0.5, 0.2, 0.2), (0.8, 0.5, 0.2, 0.2))


def test_cases_by_hand():
    assert by_hand((0.9, 0.5)) == 1
    assert by_hand((0.9, 0.56)) == 1  # overlap 0.14 / 0.26 = 0.54
    assert by_hand((0.9, 0.57)) == 0  # 0.13 / 0.27 = 0.48
    assert by_hand((0.9, 0.5), (0.8, 0.52)) == 1  # a second box after the last object costs nothing …
    assert by_hand((0.9, 0.1), (0.8, 0.5)) == 0.5  # … a wrong one before it does
    assert by_hand((0.9, 0.2), (0.8, 0.22), (0.7, 0.8), objects=TWO) == pytest.approx(0.5 + 0.5 * 2 / 3)
    assert by_hand((0.9, 0.2), objects=TWO) == 0.5
    assert by_hand((0.9, 0.5), (0.8, 0.2), (0.7, 0.8), objects=TWO) == pytest.approx(2 / 3)  # the envelope lifts ½ to ⅔


def test_perfect_predictions_reach_one_and_nothing_found_is_zero():
    truth = np.array([[[0, 0.25, 0.25, 0.3, 0.3], [1, 0.75, 0.75, 0.1, 0.3]]])
    boxes = np.full((1, 2, 2, 2, 4), 0.5)
    boxes[0, 0, 0, 0, 2:], boxes[0, 1, 1, 1, 2:] = (0.3, 0.3), (0.1, 0.3)
    confidence = np.zeros((1, 2, 2, 2))
    confidence[0, 0, 0, 0] = confidence[0, 1, 1, 1] = 1
    classes = np.zeros((1, 2, 2, 2))
    classes[0, 0, 0, 0] = classes[0, 1, 1, 1] = 1
    perfect = Prediction(boxes, confidence, classes)
    assert float(mean_precision(perfect, truth)) == 1
    swapped = perfect._replace(classes=classes[..., ::-1])
    assert float(mean_precision(swapped, truth)) < 0.5
    assert float(mean_precision(perfect._replace(boxes=boxes * 0.01), truth)) == 0


def test_a_class_without_objects_does_not_count():
    truth = np.array([[[0, 0.5, 0.5, 0.3, 0.3], [-1, 0, 0, 0, 0]]])
    box = np.array([0.5, 0.5, 0.3, 0.3]).reshape(1, 1, 1, 1, 4)
    said = Prediction(box, np.ones((1, 1, 1, 1)), np.ones((1, 1, 1, 2)))
    assert float(mean_precision(said, truth)) == 1
    assert float(mean_precision(said, np.full((1, 2, 5), -1.0))) == 0


def test_members_of_a_population_are_independent():
    cases = [case(seed) for seed in range(3)]
    stacked = Prediction(*(jnp.stack(parts) for parts in zip(*(prediction for prediction, _ in cases), strict=True)))
    truth = jnp.stack([truth for _, truth in cases])
    each = [float(mean_precision(prediction, truth)) for prediction, truth in cases]
    assert len(set(each)) == 3
    np.testing.assert_allclose(jax.jit(jax.vmap(mean_average_precision))(stacked, truth), each, rtol=1e-5)
