"""What is refused, each in one sentence: notation, settings, lengths, factors, and users' own schedules."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from thalweg.errors import InvalidValueError, UnknownNameError, UsageError, UserFileError
from thalweg.schedules import (
    Constant,
    Cosine,
    Joined,
    Plateau,
    Product,
    Schedule,
    WarmUp,
    checked_factors,
    hyperparameter,
    parse_schedule,
    schedule_notation,
    schedule_source,
)
from thalweg.settings import Hyperparameter

REFUSED = {
    "cosin": "schedule 'cosin' is not known: did you mean 'cosine'?",
    "": "give a name from 'thalweg list schedules'",
    "cosine+": "a product as in warmup:0.1+cosine",
    "constant~cosine": "as in constant~0.5~cosine",
    "constant~0.5": "as in constant~0.5~cosine",
    "constant~half~cosine": "as in constant~0.5~cosine",
    "constant~1.5~cosine": "give 1 increasing shares of the run between 0 and 1",
    "constant~0.6~cosine~0.5~step": "give 2 increasing shares",
    "constant~nan~cosine": "as in constant~0.5~cosine",
    "cosine:warmpu=0.1": "did you mean 'warmup'?",
    "cosine:warmup=1.5": "cosine: warmup = 1.5 is no share of the run; give a number in [0, 1], or a number of updates "
    "with unit=update.",
    "warmup:500": "warmup: length = 500 is no share of the run",
    "warmup:0.5:unit=update": "warmup: length = 0.5 is no whole number of updates",
    "cosine:warmup=-1": "give a number in [0, inf)",
    "cosine:warmup=nan": "cosine: warmup = nan is not allowed",
    "cosine:cycles=1.5": "give a whole number in [1, 10000]",
    "step:0.5/2": "step: at = 2 is no share of the run",
    "exponential:0": "give a number in (0, inf)",
    "one-cycle:0.6:down=0.5": "one-cycle: up = 0.6 and down = 0.5 together are more than the whole run; give less",
    "wsd:warmup=0.5:decay=0.6": "wsd: warmup = 0.5 and decay = 0.6 together are more than the whole run",
    "plateau:1.5": "plateau: decay = 1.5 is not allowed; give a number in (0, 1).",
    "plateau+plateau": "holds plateau twice",
    "constant~0.5~plateau": "use plateau in a product",
    "cosine:unit=epoch": "give one of run, update",
}


@pytest.mark.parametrize("text", REFUSED)
def test_notation_is_refused_in_one_sentence(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_schedule(text)
    assert REFUSED[text] in str(caught.value)
    assert "\n" not in str(caught.value)


def test_sign_of_an_exponent_is_no_product() -> None:
    assert parse_schedule("constant:1e+2") == Constant(value=100.0)
    assert parse_schedule("exponential:1E+3+constant:2.e+0").factor(1, 10) == 2


def test_lengths_in_updates_that_do_not_fit_are_refused_when_the_run_is_known() -> None:
    schedule = parse_schedule("wsd:warmup=60:decay=50:unit=update")
    assert schedule.factor(1, 110) == 1 / 60
    with pytest.raises(InvalidValueError, match="decay = 50 together are more than the run's 100 updates"):
        schedule.factor(1, 100)
    with pytest.raises(InvalidValueError, match="more than the run's 100 updates"):
        checked_factors(parse_schedule("one-cycle:60:down=50:unit=update"), 100)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Product((Cosine(),)), "give a tuple of two schedules or more"),
        (lambda: Product([Cosine(), WarmUp()]), "give a tuple"),  # type: ignore[arg-type]
        (lambda: Product((Product((Cosine(), WarmUp())), Cosine())), "list its parts directly"),
        (lambda: Product((Joined((Cosine(), WarmUp()), (0.5,)), Cosine())), "list its parts directly"),
        (lambda: Joined((Cosine(), Plateau()), (0.5,)), "use plateau in a product"),
        (lambda: Joined((Cosine(), Cosine()), ()), "give 1 increasing shares"),
    ],
)
def test_compositions_that_could_not_be_written_down_are_refused(make: Any, words: str) -> None:
    with pytest.raises(InvalidValueError, match=words):
        make()


@dataclass(frozen=True)
class Ramp(Schedule):
    """Whatever the slope says."""

    name: ClassVar[str] = "ramp"
    slope: float = hyperparameter(0.1, meaning="slope", low=-1e300)

    def factor(self, step: Any, total: int) -> Any:
        return 1 + self.slope * (np.asarray(step, float) - 1)


@dataclass(frozen=True)
class Broken(Schedule):
    """Raises, or says the wrong thing."""

    name: ClassVar[str] = "broken"
    how: ClassVar[str] = ""

    def factor(self, step: Any, total: int) -> Any:
        if self.how == "nan":
            return np.where(np.asarray(step) > 2, np.nan, 1.0)
        if self.how == "scalar":
            return 1.0
        raise ZeroDivisionError("by zero")


RATE = Hyperparameter("rate", 0.0, np.inf, False, False)
MOMENTUM = Hyperparameter("momentum", 0.0, 1.0, False, True)


def test_factors_in_order_are_returned() -> None:
    factors = checked_factors(Ramp(slope=-0.25), 5, base=0.1, name="learning_rate", known=RATE)
    np.testing.assert_array_equal(factors, [1, 0.75, 0.5, 0.25, 0])


def test_factors_below_zero_are_refused() -> None:
    with pytest.raises(InvalidValueError) as caught:
        checked_factors(Ramp(slope=-0.3), 1000, base=0.1, name="learning_rate", known=RATE)
    assert str(caught.value) == (
        "schedule 'ramp:slope=-0.3' at update 5 of 1,000 makes the factor of learning_rate -0.2; it must be a finite "
        "number that is not negative: change the schedule."
    )


def test_factors_below_zero_are_refused_for_any_number() -> None:
    with pytest.raises(
        InvalidValueError, match=r"at update 5 of 10 makes the factor -0\.2; it must be a finite number that"
    ):
        checked_factors(Ramp(slope=-0.3), 10)


def test_values_outside_what_the_hyperparameter_allows_are_refused() -> None:
    with pytest.raises(InvalidValueError) as caught:
        checked_factors(Ramp(), 10, base=0.9, name="momentum", known=MOMENTUM)
    assert str(caught.value) == (
        "schedule 'ramp' at update 3 of 10 makes momentum 1.08; it must be a number in [0, 1): change the schedule or "
        "momentum = 0.9."
    )
    open_below = Hyperparameter("epsilon", 0.0, 1.0, True, False)
    with pytest.raises(InvalidValueError, match=r"at update 6 of 10 makes epsilon 0; it must be a number in \(0, 1\]"):
        checked_factors(parse_schedule("step:0.5:decay=0"), 10, base=1e-3, name="epsilon", known=open_below)
    whole = Hyperparameter("batch size", 1, 100, False, False, whole=True)
    with pytest.raises(
        InvalidValueError, match=r"at update 2 of 10 makes size 10.5; it must be a whole number in \[1, 100\]"
    ):
        checked_factors(Ramp(slope=0.05), 10, base=10, name="size", known=whole)


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("nan", r"at update 3 of 10 makes the factor nan; it must be a finite number"),
        ("scalar", r"gives factors of shape \(\) for 10 updates; return one per update"),
        ("raise", r"raises ZeroDivisionError over 10 updates: by zero; mend the schedule"),
    ],
)
def test_broken_schedules_are_refused(how: str, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Broken, "how", how)
    with pytest.raises(InvalidValueError, match=words):
        checked_factors(Broken(), 10)


def test_factors_too_large_to_write_are_refused() -> None:
    with pytest.raises(InvalidValueError, match=r"at update 3 of 9 makes the factor inf"):
        checked_factors(parse_schedule("exponential:1e200:every=1:unit=update"), 9)
    with pytest.raises(InvalidValueError, match=r"makes learning_rate inf; it must be a finite number"):
        checked_factors(Constant(value=1e300), 9, base=1e10, name="learning_rate")
    with pytest.raises(InvalidValueError, match="give 1 or more"):
        checked_factors(Constant(), 0)


MINE = '''
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from thalweg.schedules import Schedule, hyperparameter, unit


@dataclass(frozen=True)
class Mine(Schedule):
    """Half after a while."""

    name: ClassVar[str] = "mine"
    lengths: ClassVar[tuple[str, ...]] = ("after",)

    low: float = hyperparameter(0.5, meaning="low")
    after: float = hyperparameter(0.5, meaning="length", low=0.0)
    unit: str = unit()

    def factor(self, step: Any, total: int) -> Any:
        return np.where(np.asarray(step) > self.updates("after", total), self.low, 1.0)
'''
CHANGES = [
    (("    def factor", "    def facto"), "line 10, lacks factor; define the method"),
    (("@dataclass(frozen=True)\n", ""), "is no dataclass; put @dataclass(frozen=True) above it"),
    (('"mine"', '"my own"'), "has name = 'my own'; give a word without spaces"),
    (("low: float = hyperparameter(0.5, meaning=\"low\")", "low: float = 0.5"), "declares low as a plain field"),
    (('("after",)', '("later",)'), "names later among its lengths and has no such field"),
    (("self.low, 1.0)", "self.low, 1.0).sum()"), "factor returns an array of shape () for steps of shape (8,)"),
    (("self.low, 1.0)", "self.low, 1.0) / np.max(step)"), "factor says something else for all steps at once"),
    (("self.low, 1.0)", "self.lo, 1.0)"), "line 22 raises AttributeError when tried on a run of 8 updates"),
    (("0.5, meaning=\"length\"", "5, meaning=\"length\""), "cannot be made: mine: after = 5 is no share of the run"),
    (("        return", "        step += 1\n        return"), "raises|in place"),
]  # fmt: skip


def test_schedule_of_the_users_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "mine.py"
    path.write_text(MINE)
    monkeypatch.chdir(tmp_path)
    for text in ("mine.py", "./mine.py:Mine", f"{path}:Mine"):
        np.testing.assert_array_equal(parse_schedule(text).factor([1, 5, 6], 10), [1, 1, 0.5])
    given = parse_schedule("warmup:0.2+mine.py:Mine:0.25:after=0.3")
    np.testing.assert_array_equal(given.factor([1, 3, 4], 10), [0.5, 1, 0.25])
    written = schedule_notation(given)
    assert written == f"warmup:length=0.2+{path}:Mine:low=0.25:after=0.3"
    assert parse_schedule(written) == given
    assert schedule_notation(parse_schedule("mine.py:low=0.25")) == f"{path}:Mine:low=0.25"
    with pytest.raises(UnknownNameError, match="hyperparameter of mine"):
        parse_schedule("mine.py:Mine:lo=0.25")


def test_source_of_a_notation_is_that_of_its_files(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text(MINE)
    before = schedule_source(f"warmup+{path}:Mine:low=0.25")
    assert len(before) == 64
    path.write_text(MINE + "\n# changed\n")
    assert schedule_source(f"{path}~0.5~cosine") not in {"", before}
    assert schedule_source("warmup:0.1+cosine") == ""


@pytest.mark.parametrize(("change", "words"), CHANGES, ids=[words for _, words in CHANGES])
def test_faults_of_a_users_schedule(change: tuple[str, str], words: str, tmp_path: Path) -> None:
    assert change[0] in MINE
    path = tmp_path / "mine.py"
    path.write_text(MINE.replace(*change))
    with pytest.raises(UserFileError) as caught:
        parse_schedule(str(path))
    sentence = str(caught.value)
    assert any(word in sentence for word in words.split("|"))
    assert "\n" not in sentence
    assert "Mine in " in sentence
