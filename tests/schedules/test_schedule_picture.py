"""Pictures of schedules: the curve is where the factors are."""

import numpy as np
import pytest

from thalweg.schedules import SCHEDULES, parse_schedule, schedule_picture

BITS = {0x01: (0, 0), 0x02: (1, 0), 0x04: (2, 0), 0x40: (3, 0), 0x08: (0, 1), 0x10: (1, 1), 0x20: (2, 1), 0x80: (3, 1)}


def dots(picture: str, height: int) -> np.ndarray:
    """Return the picture's dots as rows and columns, the top row first."""
    lines = [line.partition("┤")[2] for line in picture.splitlines()[1 : height + 1]]
    width = max(map(len, lines))
    grid = np.zeros((4 * height, 2 * width), dtype=bool)
    for i, line in enumerate(lines):
        for j, character in enumerate(line):
            code = ord(character) - 0x2800 if character != " " else 0
            for bit, (down, across) in BITS.items():
                grid[4 * i + down, 2 * j + across] = bool(code & bit)
    return grid


@pytest.mark.parametrize("text", ["polynomial", "cosine:warmup=0.3", "wsd", "one-cycle"])
def test_dots_lie_on_the_curve(text: str) -> None:
    total, height = 1000, 12
    grid = dots(schedule_picture(parse_schedule(text), total, 80, height), height)
    down, across = grid.shape
    assert np.all(grid.any(axis=0))
    steps = 1 + np.arange(across) / (across - 1) * (total - 1)
    factors = parse_schedule(text).factor(np.round(steps), total)
    heights = 1 - np.asarray([np.flatnonzero(column).mean() for column in grid.T]) / (down - 1)
    assert np.max(np.abs(heights - factors)) < 0.1


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("total", [1, 2, 5, 1000, 123_456])
def test_every_picture_fits(name: str, total: int) -> None:
    picture = schedule_picture(parse_schedule(name), total, width=50, height=5)
    lines = picture.splitlines()
    assert len(lines) == 5 + 4
    assert max(map(len, lines)) <= 50
    assert lines[0] == "factor"
    assert lines[-1].strip() == "step"
    assert lines[-2].split() == (["1", f"{total:,}"] if total > 1 else ["1"])


def test_labels_name_the_highest_factor() -> None:
    labels = [
        line.partition("┤")[0].strip() for line in schedule_picture(parse_schedule("constant:3"), height=5).splitlines()
    ]
    assert labels[1:6] == ["3", "", "1.5", "", "0"]
