"""Which averages of which rules may be stored with fewer bits."""

from typing import Any

import numpy as np
import pytest

from thalweg.errors import InvalidValueError
from thalweg.optimizers import SGD, Adam, RMSProp, SignSGD, lift
from thalweg.optimizers.catalogue import OPTIMIZERS
from thalweg.optimizers.compressible import check_compressible, compressible

# What keeps an average that bears fewer bits, and what does not: points, distances, factors of products, signs.
LEFT_ALONE = {
    "sgd": "keeps nothing",
    "polyak-step": "keeps nothing",
    "swats": "sums over all parameters decide when it changes over",
    "rprop": "step sizes, multiplied again and again",
    "madgrad": "where it started, and sums that grow",
    "shampoo": "factors whose roots are taken",
    "soap": "bases that are to stay orthogonal",
    "lbfgs": "differences of gradients and of points",
    "adafactor": "is small already",
    "schedule-free-sgd": "a point",
    "prodigy": "sums from which a distance is estimated",
    "dadapt-sgd": "likewise",
    "dadapt-adam": "likewise",
    "dog": "where it started",
}


@pytest.mark.parametrize("rule_class", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_what_is_stored_with_fewer_bits_is_shaped_like_the_parameters(rule_class: Any) -> None:
    assert not (rule_class.name in LEFT_ALONE and rule_class.compressible), LEFT_ALONE[rule_class.name]
    if rule_class.compressible:
        wide = {"momentum_buffer": True, "average": True}
        made = rule_class.configured(**{k: v for k, v in wide.items() if k in rule_class.variants()})
        kept = set()
        for x in (np.ones((3, 5), np.float32), np.ones(5, np.float32)):
            (state,) = lift.init_state(made, [x])
            kept |= {key for key, value in state.items() if value.shape == x.shape}
        assert kept - set(compressible(made)) <= {"z"}  # the point of the rules without schedule


@pytest.mark.parametrize("rule_class", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_what_may_be_stored_with_fewer_bits_is_kept(rule_class: Any) -> None:
    presets = [rule_class.preset(name) for name in rule_class.presets]
    for rule in (rule_class(), *presets):
        state = lift.init_state(rule, [np.ones((3, 5), np.float32), np.ones(5, np.float32)])
        kept = {name for one in state for name in one} if compressible(rule) else set()
        assert set(compressible(rule)) <= kept


def test_a_sign_without_an_average_is_refused() -> None:
    assert compressible(SignSGD.preset("signum")) == ("m",)
    with pytest.raises(
        InvalidValueError, match=r"^signsgd: state_format = 'int8' is not allowed, since the rule keeps"
    ):
        check_compressible(SignSGD(), "state_format = 'int8'")


def test_other_rules_are_refused_in_a_sentence() -> None:
    check_compressible(Adam(), "state_format = 'int8'")
    assert compressible(RMSProp(centered=True)) == ()
    with pytest.raises(InvalidValueError) as caught:
        check_compressible(SGD(), "state_format = 'int8'")
    assert str(caught.value) == (
        "sgd: state_format = 'int8' is not allowed, since the rule keeps no averages that bear fewer bits; leave it "
        "out, or take a rule such as adamw, lion or momentum."
    )
