"""Words for studies."""

import pytest

from thalweg.errors import UnknownNameError, UsageError
from thalweg.store.naming import resolve

STUDIES = [
    ("3fa85f645717", "digits", "2025-01-03T00:00:00Z"),
    ("3fb0000000aa", "mnist1d", "2025-01-02T00:00:00Z"),
    ("910000000000", "digits", "2025-01-01T00:00:00Z"),
    ("920000000000", "last", "2024-01-01T00:00:00Z"),
]


@pytest.mark.parametrize(
    ("word", "study"),
    [
        ("last", "3fa85f645717"),
        ("3fa85f645717", "3fa85f645717"),
        ("91", "910000000000"),
        ("3FB", "3fb0000000aa"),
        (" mnist1d\n", "3fb0000000aa"),
    ],
)
def test_a_word_finds_its_study(word, study):
    assert resolve(word, STUDIES) == study


def test_an_ambiguous_word_lists_what_fits():
    with pytest.raises(UsageError) as error:
        resolve("3f", STUDIES)
    assert str(error.value) == (
        "study '3f' is not unique: the store has 2 studies beginning with '3f'; "
        "give one of 3fa85f645717 (digits, 2025-01-03T00:00:00Z), 3fb0000000aa (mnist1d, 2025-01-02T00:00:00Z)."
    )
    with pytest.raises(UsageError, match="2 studies on the task 'digits'"):
        resolve("digits", STUDIES)


def test_a_message_names_a_few_of_many():
    many = [(f"{number:012x}", "digits", "2025") for number in range(500)]
    with pytest.raises(UsageError, match=r"and 490 more\.$") as error:
        resolve("digits", many)
    assert len(str(error.value)) < 600
    with pytest.raises(UnknownNameError) as unknown:
        resolve("0000000001f9", many)
    assert "did you mean '0000000001" in str(unknown.value)
    assert len(str(unknown.value)) < 400


@pytest.mark.parametrize("word", ["", "  ", "ff", "3fa85f6457170"])
def test_an_unknown_word(word):
    with pytest.raises(UnknownNameError, match="is not known"):
        resolve(word, STUDIES)


def test_no_word_fits_an_empty_store():
    with pytest.raises(UnknownNameError, match="Allowed: none"):
        resolve("last", [])
