"""Which entries of a rule's state may be stored with fewer bits."""

from thalweg.errors import InvalidValueError
from thalweg.optimizers.base import Rule

__all__ = ["check_compressible", "compressible"]


def compressible(rule: Rule) -> tuple[str, ...]:
    """Return the names of the entries of a rule's state that may be stored with fewer bits.

    Example:
        >>> from thalweg.optimizers import SGD, NAdam
        >>> compressible(NAdam()), compressible(SGD())
        (('m', 'v'), ())
    """
    # Centered, v − m² is the root's argument, and of rounded averages it may be negative.
    return () if rule.structure().get("centered") else rule.compressible


def check_compressible(rule: Rule, argument: str) -> None:
    """Refuse a rule whose state is not to be stored with fewer bits.

    Args:
        rule: The optimizer.
        argument: What asks for it, e.g. ``state_format = 'int8'``.

    Raises:
        InvalidValueError: The state has no average shaped like the parameters, or is too delicate.
    """
    if not compressible(rule):
        raise InvalidValueError(
            f"{rule.name}: {argument} is not allowed, since the rule keeps no averages that bear fewer bits; leave it "
            "out, or take a rule such as adamw, lion or momentum."
        )
