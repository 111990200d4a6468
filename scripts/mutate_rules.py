"""Change every coefficient, sign, operator, name and default of every rule in turn; each change must fail a test.

    python scripts/mutate_rules.py                     # all mutants, results in benchmarks/results/mutation.json
    python scripts/mutate_rules.py --sample 200        # a random part of them
    python scripts/mutate_rules.py --rule radam        # one module

Each mutant is compiled into a fresh copy of its module and of the modules that use it, and the conformance checks
of the rules concerned (``tests/optimizers/conformance_checks.py``) run on it until one fails. The references are
computed once, before.
"""

import argparse
import ast
import contextlib
import importlib
import json
import multiprocessing
import random
import sys
import time
import types
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
for folder in (ROOT / "scripts", ROOT / "tests" / "optimizers"):
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))

import conformance_libraries  # noqa: E402  the checks live beside the tests that run them
import conformance_table  # noqa: E402
from conformance_checks import Check, checks  # noqa: E402

from mutation_operators import Mutant, Vocabulary, apply, mutants  # noqa: E402
from thalweg.optimizers import Rule  # noqa: E402
from thalweg.optimizers.catalogue import OPTIMIZERS  # noqa: E402

RESULTS = ROOT / "benchmarks" / "results" / "mutation.json"
PARTIAL = {
    "thalweg.arrays": frozenset({"bias_correction", "log_decay", "total"})
}  # of this module, the mathematics only

_FIRST = 16  # checks of every rule that are tried before the rest of any

EQUIVALENT: Mapping[str, str] = {
    "adamax Adamax.update [name] divisor → u": "where u is zero m is zero too, and 0/ε is 0/1",
    "adabelief AdaBelief.update [swap] g - m → m - g": "it is squared",
    "dog DoG.update [swap] a - start → start - a": "only its length is used",
    **{
        f"line_search _cubic_minimum [number] {old} → {new}": "where it stands in for a value the middle is taken"
        for old, new in (("0.0", "0.125"), ("0.0", "1.0"), ("1.0", "0.99"), ("1.0", "2.0"))
    },
    "line_search _cubic_minimum [operator] xp.sqrt(xp.where(square >= 0, square, 0.0)) * xp.sign(gap) → "
    "xp.sqrt(xp.where(square >= 0, square, 0.0)) / xp.sign(gap)": "a sign is its own inverse",
    "line_search _inside [swap] _cubic_minimum(xp, low, high, left, right) → "
    "_cubic_minimum(xp, high, low, left, right)": "the cubic is the same",
    "line_search advance [swap] _inside(xp, new_low, new_high, search['cramped'] > 0) → "
    "_inside(xp, new_high, new_low, search['cramped'] > 0)": "the bracket is the same",
    "line_search advance [swap] _cubic_minimum(xp, low, new, new.at + 0.01 * (new.at - low.at), 10 * new.at) → "
    "_cubic_minimum(xp, new, low, new.at + 0.01 * (new.at - low.at), 10 * new.at)": "the cubic is the same",
    "line_search advance [name] above → rises": "they differ where the loss is not better",
    "line_search advance [name] found → flat": "they differ where the bracket closes for another reason",
    "line_search advance [number] 0.0 → 0.125": "the slope of an infinite loss is never used",
    "line_search advance [number] 0.0 → 1.0": "the slope of an infinite loss is never used",
    **{
        f"{place} [number] 1.0 → {new}": "it divides what is zero, or sizes a step along nothing"
        for place in (
            "lbfgs LBFGS._first_length",
            "lbfgs _newton",
            "nonlinear_cg NonlinearCG.update",
            "nonlinear_cg NonlinearCG._beta",
            "newton_cg NewtonCG._iterated",
        )
        for new in ("0.99", "2.0")
    },
    "lbfgs LBFGS.init [state] state['direction'] → state['gradient']": "both are zeros of one length",
    "newton_cg NewtonCG.init [state] state['direction'] → state['gradient']": "both are zeros of one length",
    "newton_cg NewtonCG.update [name] gradient → direction": "used where the direction is the gradient's, reversed",
    "search_steps joined [number] 1 → 2": "to NumPy any negative length is the unknown one",
    "search_steps evaluate [omission] xp.logical_or(done, first) → done": "a search along nothing is done at once",
    "search_steps evaluate [omission] xp.where(first, zeros_like(direction), search['low'] * direction) → "
    "search['low'] * direction": "the first direction is zero",
    "rprop Rprop.update [name] sign → g": "the product with a sign is asked for its sign only",
    "shampoo Shampoo._grafted [number] 1.0 → 0.99": "a step of length zero stays zero, whatever its factor",
    "shampoo Shampoo._grafted [number] 1.0 → 2.0": "a step of length zero stays zero, whatever its factor",
    "soap SOAP.update [state] state['m'] → state['v']": "it is kept in the first step, where both are zero",
    "soap SOAP.update [state] state['v'] → state['m']": "it is kept in the first step, where both are zero",
    "schedule_free ScheduleFreeRAdam._rectifier [name] one → above": "where it is taken it is one",
    "schedule_free _averaged [name] weights → weight": "where only one of them is zero the share is zero either way",
}
"""Mutants that change nothing that can be observed: the label without its line, and why."""


@dataclass(frozen=True)
class Outcome:
    """What became of a mutant: the kind of check that failed, or "equivalent", or "survived"."""

    module: str
    kind: str
    label: str
    fate: str


class Sources:
    """The modules that rules are made of, and how they depend on each other."""

    def __init__(self) -> None:
        self.trees: dict[str, ast.Module] = {}
        self.uses: dict[str, set[str]] = {}
        for rule in OPTIMIZERS.values():
            self._read(rule.__module__)
        self.rules = {name: {r.name for r in OPTIMIZERS.values() if r.__module__ == name} for name in self.trees}

    def _read(self, name: str) -> None:
        if name in self.trees:
            return
        file = importlib.import_module(name).__file__
        assert file
        self.trees[name] = ast.parse(Path(file).read_text(encoding="utf-8"), filename=file)
        self.uses[name] = set()
        for used in _imported(self.trees[name]):
            if used in PARTIAL or (used.startswith("thalweg.optimizers.") and not used.endswith(".base")):
                self.uses[name].add(used)
        for used in self.uses[name]:
            self._read(used)

    def affected(self, module: str) -> list[str]:
        """Return the module and all that use it, directly or not, in an order in which they can be imported."""
        found = {module}
        while True:
            more = {name for name, used in self.uses.items() if used & found} - found
            if not more:
                break
            found |= more
        ordered: list[str] = []
        while len(ordered) < len(found):
            ordered += [n for n in sorted(found) if n not in ordered and not (self.uses[n] & found - set(ordered))]
        return ordered

    def used_by(self, module: str) -> set[str]:
        """Return a module and all that it uses, directly or not."""
        return {module}.union(*(self.used_by(name) for name in self.uses[module]))

    def mutants(self, module: str) -> list[Mutant]:
        """Return every mutant of a module."""
        names = {rule for name in self.affected(module) for rule in self.rules[name]}
        rules = [OPTIMIZERS[name] for name in sorted(names)]
        words = Vocabulary(
            tuple(dict.fromkeys(h for rule in rules for h in rule.hyperparameters())),
            {name: what.choices for rule in rules for name, what in rule.variants().items()},
            tuple(sorted(_state_keys(self.trees[module]))),
        )
        return mutants(module.rpartition(".")[2], self.trees[module], words, PARTIAL.get(module))


def _imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == "thalweg.optimizers":
            yield from (f"thalweg.optimizers.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def _state_keys(tree: ast.Module) -> set[str]:
    return {
        node.slice.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Subscript)
        and isinstance(node.slice, ast.Constant)
        and isinstance(node.slice.value, str)
    }


@contextlib.contextmanager
def mutated(sources: Sources, module: str, tree: ast.Module, rule: str) -> Iterator[dict[str, type[Rule]]]:
    """Give the catalogue with a module, and what of a rule is made from it, executed afresh from a changed tree."""
    names = [name for name in sources.affected(module) if name in sources.used_by(OPTIMIZERS[rule].__module__)]
    before = {name: sys.modules[name] for name in names}
    rules = dict(OPTIMIZERS)
    try:
        for name in names:
            fresh = types.ModuleType(name)
            _install(name, fresh)
            exec(compile(tree if name == module else sources.trees[name], f"<{name}>", "exec"), vars(fresh))
            rules |= {own: getattr(fresh, OPTIMIZERS[own].__name__) for own in sources.rules[name]}
        yield rules
    finally:
        for name, original in before.items():
            _install(name, original)


def _install(name: str, module: types.ModuleType) -> None:
    parent, _, leaf = name.rpartition(".")
    sys.modules[name] = module
    setattr(sys.modules[parent], leaf, module)


class Campaign:
    """Sources with their mutants and the checks that may kill them."""

    def __init__(self, modules: Sequence[str] | None = None) -> None:
        self.sources = Sources()
        self.checks: dict[str, list[Check]] = {}
        wanted = [n for n in self.sources.trees if not modules or n.rpartition(".")[2] in modules]
        self.mutants = [(module, mutant) for module in wanted for mutant in self.sources.mutants(module)]

    def checks_of(self, rule: str) -> list[Check]:
        """Return a rule's checks, made once."""
        if rule not in self.checks:
            self.checks[rule] = checks(rule)
        return self.checks[rule]

    def rules_of(self, module: str) -> list[str]:
        """Return the names of the rules that a change of a module can touch."""
        return sorted(rule for name in self.sources.affected(module) for rule in self.sources.rules[name])

    def try_one(self, number: int) -> Outcome:
        """Return what becomes of one mutant."""
        module, mutant = self.mutants[number]
        return Outcome(mutant.module, mutant.kind, mutant.label(), self._fate(module, mutant))

    def _fate(self, module: str, mutant: Mutant) -> str:
        tree = apply(self.sources.trees[module], mutant)
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # as in the tests: a division by zero on the way is a failure
            for part in (slice(0, _FIRST), slice(_FIRST, None)):  # a few checks of every rule kill nearly all
                for rule in self.rules_of(module):
                    fate = self._fate_in(rule, module, tree, self.checks_of(rule)[part])
                    if fate:
                        return fate
        return "equivalent" if _key(mutant) in EQUIVALENT else "survived"

    def _fate_in(self, rule: str, module: str, tree: ast.Module, few: Sequence[Check]) -> str | None:
        """Return the kind of the first check of a rule that fails, or None."""
        try:
            with mutated(self.sources, module, tree, rule) as rules:
                for check in few:
                    try:
                        check.run(rules)
                    except AssertionError:
                        return check.kind
        except Exception:
            return "exception"  # raised by the rule, or before, when its module is imported
        return None


def _key(mutant: Mutant) -> str:
    return mutant.label().replace(f":{mutant.line} ", " ", 1)


_worker: Campaign | None = None


def _start(modules: Sequence[str] | None, known: dict[str, Any], defaults: dict[Any, Any]) -> None:
    global _worker
    conformance_table.KNOWN.update(known)
    conformance_libraries.KNOWN_DEFAULTS.update(defaults)
    _worker = Campaign(modules)


def _try(numbers: Sequence[int]) -> list[Outcome]:
    assert _worker
    return [_worker.try_one(number) for number in numbers]


def run(
    *, sample: int | None = None, seed: int = 0, processes: int = 1, modules: Sequence[str] | None = None
) -> dict[str, Any]:
    """Run a campaign and return its counts.

    Args:
        sample: How many mutants to draw at random, or None for all.
        seed: Of the draw.
        processes: How many processes try them; 1 stays in this one.
        modules: Short names of the modules to keep to, or None for all.
    """
    began = time.monotonic()
    campaign = Campaign(modules)
    numbers = list(range(len(campaign.mutants)))
    if sample is not None and sample < len(numbers):
        numbers = sorted(random.Random(seed).sample(numbers, sample))
    outcomes: list[Outcome] = []
    if processes == 1:
        for number in numbers:
            outcomes.append(campaign.try_one(number))
            _progress(outcomes, len(numbers), began)
    else:
        outcomes = _in_parallel(campaign, numbers, processes, modules, began)
    return _counted(outcomes, len(campaign.mutants), sample, seed, time.monotonic() - began)


def _in_parallel(
    campaign: Campaign, numbers: list[int], processes: int, modules: Sequence[str] | None, began: float
) -> list[Outcome]:
    for rule in OPTIMIZERS:  # every reference is computed here, and every check must pass before anything is changed
        for check in campaign.checks_of(rule):
            check.run(OPTIMIZERS)
    conformance_libraries.close_keras()
    outcomes: list[Outcome] = []
    chunks = [numbers[i : i + 8] for i in range(0, len(numbers), 8)]
    setting = (modules, conformance_table.KNOWN, conformance_libraries.KNOWN_DEFAULTS)
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=context, initializer=_start, initargs=setting) as pool:
        for done in as_completed([pool.submit(_try, chunk) for chunk in chunks]):
            outcomes += done.result()
            _progress(outcomes, len(numbers), began)
    return sorted(outcomes, key=lambda outcome: outcome.label)


def _progress(outcomes: Sequence[Outcome], total: int, began: float) -> None:
    done = len(outcomes)
    if not sys.stderr.isatty() and done % 50 > 8 and done != total:
        return
    survived = sum(outcome.fate == "survived" for outcome in outcomes)
    left = (time.monotonic() - began) / done * (total - done)
    end = "\r" if sys.stderr.isatty() and done < total else "\n"
    print(f"{done}/{total} mutants, {survived} survived, {left:.0f} s left   ", end=end, file=sys.stderr, flush=True)


def _counted(outcomes: Sequence[Outcome], total: int, sample: int | None, seed: int, seconds: float) -> dict[str, Any]:
    def table(attribute: str) -> dict[str, dict[str, int]]:
        names = sorted({getattr(outcome, attribute) for outcome in outcomes})
        rows = {name: [o for o in outcomes if getattr(o, attribute) == name] for name in names}
        return {
            name: {
                "mutants": len(row),
                "killed": sum(o.fate not in {"survived", "equivalent"} for o in row),
                "equivalent": sum(o.fate == "equivalent" for o in row),
            }
            for name, row in rows.items()
        }

    fates = Counter(outcome.fate for outcome in outcomes)
    survivors = [asdict(outcome) for outcome in outcomes if outcome.fate == "survived"]
    return {
        "mutants": len(outcomes),
        "mutants_in_all": total,
        "sample": sample,
        "seed": seed if sample is not None else None,
        "killed": len(outcomes) - fates["survived"] - fates["equivalent"],
        "survived": fates["survived"],
        "equivalent": dict(EQUIVALENT),
        "killed_by": {fate: n for fate, n in sorted(fates.items()) if fate not in {"survived", "equivalent"}},
        "by_module": table("module"),
        "by_kind": table("kind"),
        "survivors": survivors,
        "seconds": round(seconds, 1),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description="Mutation campaign on the optimizers' rules.")
    parser.add_argument("--sample", type=int, help="try so many mutants, drawn at random, instead of all")
    parser.add_argument("--seed", type=int, default=0, help="seed of the draw")
    parser.add_argument("--processes", type=int, default=2, help="processes at work")
    parser.add_argument("--rule", action="append", dest="modules", help="keep to this module, e.g. adam or fields")
    parser.add_argument("--out", type=Path, help=f"where the counts go (all mutants: {RESULTS.relative_to(ROOT)})")
    options = parser.parse_args()
    counts = run(sample=options.sample, seed=options.seed, processes=options.processes, modules=options.modules)
    conformance_libraries.close_keras()
    for name, row in counts["by_module"].items():
        print(f"{name:12} {row['mutants']:5} mutants {row['killed']:5} killed {row['equivalent']:3} equivalent")
    equivalent = counts["mutants"] - counts["killed"] - counts["survived"]
    for survivor in counts["survivors"]:
        print("survived:", survivor["label"])
    print(
        f"{counts['mutants']} mutants, {counts['killed']} killed, {equivalent} equivalent, "
        f"{counts['survived']} survived, {counts['seconds']} s"
    )
    out = options.out or (RESULTS if options.sample is None and not options.modules else None)
    if out:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(json.dumps(counts, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return 1 if counts["survived"] else 0


if __name__ == "__main__":
    raise SystemExit(main())
