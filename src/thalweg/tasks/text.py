"""English text as rows of characters: a part of Shakespeare's plays, cut in windows."""

import functools
import importlib.resources

import numpy as np

from thalweg.tasks.base import Data

__all__ = ["CHARACTERS", "LICENCE", "SOURCE", "VOCABULARY", "as_text", "text_data"]

VOCABULARY = "\n !$&',-.3:;?ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
CHARACTERS = 1_115_394  # in the whole text
SOURCE = (
    "plays of William Shakespeare, 1,115,394 characters, as collected in A. Karpathy's char-rnn (2015, "
    "'tinyshakespeare')"
)
LICENCE = "public domain (Shakespeare's text; the collection is distributed under MIT)"


@functools.cache
def text_data(characters: int = 200_000, window: int = 64) -> Data:
    """Return windows of the text: the first 60 % to train on, the next 20 % to validate, the last 20 % to test.

    Args:
        characters: How much of the text is used, from its beginning; at most 1,115,394.
        window: Characters to predict per row.

    Returns:
        ``x`` and ``y`` of shape (rows, window), int32, indices into :data:`VOCABULARY`: y is x moved on by one
        character. Rows follow one another without overlap, and no character is in two splits.
    """
    codes = _codes()[:characters]
    rows = (len(codes) - 3) // window  # three splits need one character each to look ahead
    validation = test = round(0.2 * rows)
    parts, begin = [], 0
    for count in (rows - validation - test, validation, test):
        end = begin + count * window + 1
        part = codes[begin:end]
        parts.append({"x": part[:-1].reshape(count, window), "y": part[1:].reshape(count, window)})
        begin = end
    return Data(*parts)


def as_text(codes: np.ndarray) -> str:
    """Return the characters of indices into :data:`VOCABULARY`.

    Example:
        >>> as_text(text_data(1000).train["x"][0][:14])
        'First Citizen:'
    """
    return "".join(VOCABULARY[code] for code in np.ravel(codes))


@functools.cache
def _codes() -> np.ndarray:
    text = (importlib.resources.files("thalweg.tasks") / "data" / "shakespeare.txt").read_bytes()
    table = np.full(256, -1, np.int32)
    table[list(VOCABULARY.encode("ascii"))] = np.arange(len(VOCABULARY))
    return table[np.frombuffer(text, np.uint8)]
