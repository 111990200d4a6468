"""Every technique by its name, its notation and what is known of it."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

from thalweg.settings import from_notation
from thalweg.techniques.averaging import EMA, SWA, Polyak
from thalweg.techniques.base import Technique
from thalweg.techniques.batching import Accumulate, Growth, Sampling
from thalweg.techniques.caution import Cautious
from thalweg.techniques.centralization import Centralize
from thalweg.techniques.clipping import ClipAdaptive, ClipNorm, ClipValue
from thalweg.techniques.curriculum import Curriculum
from thalweg.techniques.dropout import Dropout
from thalweg.techniques.label_smoothing import LabelSmoothing
from thalweg.techniques.penalties import L1, L2, WeightDecay
from thalweg.techniques.sharpness import SAM
from thalweg.techniques.slow_weights import Lookahead
from thalweg.techniques.smoothing import Diffusion, GaussianSmoothing
from thalweg.techniques.stopping import EarlyStopping
from thalweg.techniques.stored_state import StoredState

__all__ = ["TECHNIQUES", "misleads_searches", "parse_technique", "technique_listing"]

KINDS: tuple[type[Technique], ...] = (
    ClipValue,
    ClipNorm,
    ClipAdaptive,
    Centralize,
    SAM,
    L1,
    L2,
    WeightDecay,
    Cautious,
    StoredState,
    Dropout,
    LabelSmoothing,
    EMA,
    SWA,
    Polyak,
    Lookahead,
    EarlyStopping,
    Curriculum,
    Diffusion,
    GaussianSmoothing,
    Accumulate,
)

TECHNIQUES: Mapping[str, type[Technique]] = MappingProxyType({kind.name: kind for kind in KINDS})

# Told by a key of their own, for their value is a kind or a schedule: sampling=replacement, growth=step:at=0.5.
KEYED: tuple[type[Technique], ...] = (Sampling, Growth)


def parse_technique(text: str) -> Technique:
    """Return the technique that a notation describes.

    Args:
        text: Name and settings, e.g. ``clip-norm:1.0`` or ``ema:decay=0.99:warmup=debiased``.

    Raises:
        UnknownNameError: No such technique or setting; the nearest is offered.
        InvalidValueError: A value is not allowed, or the notation is broken.

    Example:
        >>> parse_technique("clip-norm:0.5").threshold
        0.5
    """
    return from_notation("technique", text, TECHNIQUES)


def misleads_searches(names: Iterable[str]) -> list[str]:
    """Return those names, sorted, whose techniques mislead a line search.

    Args:
        names: Names of techniques; others, such as keys of schedules, are passed over.

    Example:
        >>> misleads_searches(["sam", "l2", "schedule.learning_rate", "cautious"])
        ['cautious', 'sam']
    """
    return sorted(name for name in names if name in TECHNIQUES and TECHNIQUES[name].misleads_searches)


def technique_listing() -> list[dict[str, Any]]:
    """Return what is known of every technique, one dictionary each, ready for JSON."""
    return [_listed(kind) for kind in (*KINDS, *KEYED)]


def _listed(kind: type[Technique]) -> dict[str, Any]:
    plain = kind.configured()
    settings = [
        {"name": name, "default": getattr(plain, name), "allowed": what.range_text(), "meaning": what.meaning}
        for name, what in kind.hyperparameters().items()
    ] + [
        {"name": name, "default": getattr(plain, name), "allowed": ", ".join(what.choices), "meaning": what.meaning}
        for name, what in kind.variants().items()
    ]
    doc = (kind.__doc__ or "").partition("\n\n")[0]
    return {
        "name": kind.name,
        "title": kind.title,
        "acts_on": kind.acts_on,
        "summary": " ".join(doc.split()),
        "example": kind.example or _example(settings, kind.name),
        "formula": list(kind.formula),
        "settings": settings,
        "sources": list(kind.sources),
        "differences": list(kind.differences),
    }


def _example(settings: list[dict[str, Any]], name: str) -> str:
    return f"{name}:{settings[0]['default']:g}" if settings else name
