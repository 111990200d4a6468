"""Check a class of the user's own, an optimizer, schedule or initializer, before anything is trained with it."""

import dataclasses
import inspect
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from thalweg.errors import InvalidValueError, UnknownNameError, UserFileError
from thalweg.user_files import LoadedObject, line_in_file, load_object

__all__ = ["UserClass"]


@dataclasses.dataclass(frozen=True)
class UserClass:
    """What is asked of a user's class of one kind.

    Attributes:
        noun: What it is for people, e.g. ``"schedule"``.
        base: The class that it derives from.
        forbidden: Characters that its name must not hold, beside spaces.
        formula: A formula to show where one is missing; empty if the kind needs none.
        tried_on: What it is tried on, in words, e.g. ``"a 2 × 2 array"``.
        declaration_problem: Says what else is wrong with the class itself, or None.
    """

    noun: str
    base: type
    forbidden: str
    formula: str
    tried_on: str
    declaration_problem: Callable[[Any], str | None] | None = None

    def load(self, reference: str) -> LoadedObject:
        """Return the class that a reference means, not yet checked.

        Args:
            reference: ``path/to/file.py:Mine``, or only the path if the file defines one such class.

        Raises:
            UserFileError: The file cannot be used, or holds no such class.
        """
        what = f"a class that derives from {self.base.__module__.rpartition('.')[0]}.{self.base.__name__}"
        return load_object(reference, argument=self.noun, accept=self._is_one, what=what)

    def check_declaration(self, kind: type, path: Path | None) -> None:
        """Refuse a class that is no concrete frozen dataclass with a name, a formula and declared fields.

        Args:
            kind: The class.
            path: The file that defines it, or None for a class made in a running program.

        Raises:
            UserFileError: It is not; the sentence names the line.
        """
        problem = self._problem(kind)
        if problem:
            line = f", line {inspect.getsourcelines(kind)[1]}," if path else ""
            raise UserFileError(f"{self._where(kind, path)}{line} {problem}.")

    def check_trial(
        self, kind: type, path: Path | None, make: Callable[[], Any], trial: Callable[[Any], str | None], how: str = ""
    ) -> None:
        """Refuse a class whose trial says what is wrong, or raises.

        Args:
            kind: The class.
            path: The file that defines it, or None.
            make: Makes what is tried.
            trial: Says what is wrong with it, or None.
            how: How it is made, for the sentence, e.g. ``" with preset 'fast'"``.

        Raises:
            UserFileError: It is refused; the sentence names the line that raised.
        """
        where = self._where(kind, path) + how
        try:
            made = make()
        except (InvalidValueError, UnknownNameError) as error:
            raise UserFileError(f"{where} cannot be made: {error}") from error
        try:
            problem = trial(made)
        except Exception as error:
            line = line_in_file(error, path) if path else None
            message = " ".join(str(error).split())
            raise UserFileError(
                f"{where}{f', line {line}' if line else ''} raises {type(error).__name__} when tried on "
                f"{self.tried_on}: {message}; mend the {self.noun_alone}."
            ) from error
        if problem:
            raise UserFileError(f"{where}: {problem}.")

    @property
    def noun_alone(self) -> str:
        """What its writer calls it."""
        return "rule" if self.noun == "optimizer" else self.noun

    def _where(self, kind: type, path: Path | None) -> str:
        return f"{self.noun}: " + (f"{kind.__name__} in {path}" if path else kind.__qualname__)

    def _is_one(self, value: object) -> bool:
        return isinstance(value, type) and issubclass(value, self.base) and value is not self.base

    def _problem(self, kind: type) -> str | None:
        missing = sorted(getattr(kind, "__abstractmethods__", ()))
        if missing:
            return f"lacks {' and '.join(missing)}; define the method{'s' * (len(missing) > 1)}"
        if "__dataclass_params__" not in vars(kind):
            return "is no dataclass; put @dataclass(frozen=True) above it"
        name, formula = getattr(kind, "name", None), getattr(kind, "formula", None)
        if not isinstance(name, str) or not name or re.search(rf"[\s{re.escape(self.forbidden)}]", name):
            signs = " or ".join(", ".join(f"'{sign}'" for sign in self.forbidden).rsplit(", ", 1))
            return f"has name = {name!r}; give a word without spaces, {signs}, as in name: ClassVar[str] = 'mine'"
        if self.formula and not (
            isinstance(formula, tuple) and formula and all(isinstance(line, str) for line in formula)
        ):
            return (
                f"has formula = {formula!r}; give a tuple of lines, as in "
                f"formula: ClassVar[tuple[str, ...]] = ('{self.formula}',)"
            )
        for field in dataclasses.fields(kind):
            if not field.metadata.keys() & {"hyperparameter", "variant"}:
                return (
                    f"declares {field.name} as a plain field; use hyperparameter(…) for a number or variant(…) "
                    "for a choice"
                )
            if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
                return f"gives {field.name} no default; every field needs one"
        return self.declaration_problem(kind) if self.declaration_problem else None
