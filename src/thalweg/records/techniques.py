"""Techniques as people read them."""

from collections.abc import Iterable, Mapping

__all__ = ["common_techniques", "technique_label"]

SAID_WITH_KEY = ("growth", "sampling", "start", "bias")


def technique_label(techniques: Mapping[str, str]) -> str:
    """Return techniques in a line.

    Args:
        techniques: As in ``RunSpec.techniques``.

    Example:
        >>> technique_label({"schedule.learning_rate": "cosine", "model.activation": "tanh"})
        'cosine + activation tanh'
    """
    shown = {key: text for key, text in techniques.items() if not key.startswith("source.")}
    return " + ".join(_named(key, text) for key, text in shown.items())


def common_techniques(several: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """Return the techniques that all have in common."""
    first, *others = [dict(one) for one in several] or [{}]
    return {key: text for key, text in first.items() if all(other.get(key) == text for other in others)}


def _named(key: str, text: str) -> str:
    head, _, rest = key.partition(".")
    if rest and key != "schedule.learning_rate":
        return f"{rest} {text}"
    return f"{head} {text}" if head in SAID_WITH_KEY else text
