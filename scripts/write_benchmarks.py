"""Write docs/benchmarks.md from the figures in benchmarks/results; ``--check`` only says whether it is up to date."""

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks" / "results"
PAGE = ROOT / "docs" / "benchmarks.md"

INTRODUCTION = """# Benchmarks

Every figure on this page was written by a script in `benchmarks/` or `scripts/` into `benchmarks/results/`, and this page
by `python scripts/write_benchmarks.py`. Run them on your machine with `make bench`. Contenders take turns, round after
round; ratios are medians over rounds. The machine has two shared cores: trust the ratios more than the times.
"""


def main() -> None:
    """Write the page, or with ``--check`` compare it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    page = render()
    if parser.parse_args().check:
        sys.exit(
            0 if PAGE.read_text() == page else f"{PAGE.name} is not what scripts/write_benchmarks.py writes; run it."
        )
    PAGE.write_text(page)


def render() -> str:
    """Return the page as Markdown."""
    sections = [INTRODUCTION]
    for name, write in SECTIONS.items():
        path = RESULTS / f"{name}.json"
        if path.exists():
            sections.append(write(json.loads(path.read_text())))
    return "\n".join(sections)


def throughput(figures: dict[str, Any]) -> str:
    """Return the section on member-steps per second."""
    lines = [
        "## Population throughput",
        "",
        "`benchmarks/throughput.py`: 64 members, Adam, 64 learning rates, one seed, the same minibatches for all; "
        "compilation excluded, loss of every step recorded. The hand-written alternatives are one `lax.scan` per member "
        "with optax, mapped in four ways; they use the task's own loss function. "
        "The torch loop is eager `torch.optim.Adam`, one thread, one network after another.",
        "",
    ]
    for case in figures["cases"]:
        rates, times, ratios = (
            case["member-steps per second"],
            case["microseconds per member-step"],
            case["times faster than"],
        )
        lines += [
            f"**{case['model']}** ({case['steps']} steps; lanes of {case['plan']['members']} on "
            f"{case['plan']['devices']} devices)",
            "",
            "| contender | member-steps per second | µs per member-step | Thalweg is faster by |",
            "|---|---|---|---|",
            *(f"| {name} | {rates[name]:,} | {times[name]} | {ratios[name]}× |" for name in rates),
            "",
            f"Against the best alternative ({case['best hand-written alternative']}): "
            f"{case['times faster than the best alternative']}×. One gradient is "
            f"{case['gradient FLOP per member-step'] / 1e3:,.0f} kFLOP by the compiler's count; with the measured matmul peak of "
            f"{case['measured matmul peak, GFLOP/s']:g} GFLOP/s on all cores the population runs at "
            f"{100 * case['share of matmul peak']:.0f} % of it.",
            "",
        ]
    return "\n".join([*lines, machine(figures), ""])


def structures(figures: dict[str, Any]) -> str:
    """Return the section on deep, recurrent and attending networks, and on what compiles once."""
    lines = [
        "## Deep, recurrent and attending networks",
        "",
        "`benchmarks/structures.py`: 8 members, Adam, 8 learning rates, one seed, the same minibatches for all; compilation "
        "excluded. The hand-written alternatives use the task's own functions, which write a convolution as patches times a "
        "matrix; those marked `lax.conv` use the library's. The torch loop is eager `torch.optim.Adam` on an equal torch "
        f"model, one thread, one network after another, {figures['torch members']} of the 8 scaled up. Ratios are to the "
        "lanes that a long comparison measures and chooses for itself before it begins.",
        "",
    ]
    for case in figures["cases"]:
        rates, times, ratios = (
            case["member-steps per second"],
            case["milliseconds per member-step"],
            case["times faster than"],
        )
        lines += [
            f"**{case['model']}** ({case['parameters']:,} parameters, {case['steps']} steps; lanes of "
            f"{case['lane by the cache']} fit the cache, of {case['lane chosen']} were chosen)",
            "",
            "| contender | member-steps per second | ms per member-step | Thalweg is faster by |",
            "|---|---|---|---|",
            *(f"| {name} | {rates[name]:,} | {times[name]} | {ratios[name]}× |" for name in rates),
            "",
            f"Against the best alternative ({case['best alternative']}): {case['times faster than the best alternative']}× "
            f"with the chosen lanes, {case['the same with the fastest lane']}× with lanes of {case['fastest lane']}, the "
            f"fastest here. The matrix products of one gradient are {case['matmul FLOP per member-step'] / 1e6:,.0f} MFLOP; "
            f"of the measured matmul peak of {case['measured matmul peak, GFLOP/s']:g} GFLOP/s on all cores that is "
            f"{100 * case['share of matmul peak']:.0f} %. *{'; '.join(_conditions(case)).capitalize()}.*",
            "",
        ]
    if "compiled once" in figures:
        once = dict(figures["compiled once"])
        lines += [
            f"Techniques are data: two populations of 8 members that vary {', '.join(once.pop('techniques'))} in one program.",
            "",
            *_listed(once),
            "",
        ]
    return "\n".join([*lines, machine(figures), ""])


def torch_step(figures: dict[str, Any]) -> str:
    """Return the section on steps of PyTorch optimizers."""
    environment = figures["environment"]
    lines = [
        "## One step in PyTorch",
        "",
        f"`benchmarks/torch_step.py`: {figures['elements'] / 1e6:g} million float32 parameters (Muon: 1 million), gradients given, "
        f"{environment['threads']} threads, medians of {figures['rounds']} rounds. Bytes moved are those of parameters and "
        "state, read and written once, and of gradients, read once; the share is of the bandwidth of the fastest of twenty "
        "copies, and may exceed 100 %: a copy must fetch the lines that it overwrites, an update has read them. Beside its "
        f"state a step of ours took at most {_most_extra(figures)} MB of memory (torch's foreach: up to "
        f"{_most_extra(figures, 'foreach')} MB).{_slower(figures)}",
        "",
        "| rule | tensors | Thalweg, ms | torch loop | foreach | fused | × faster unfused | × fused | share of copy |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for name, count, found in _each_rule(figures):
        times, ratios = found["milliseconds"], found["times faster than"]
        theirs = " | ".join(f"{times[way]:.3g}" if way in times else "–" for way in ("loop", "foreach", "fused"))
        lines.append(
            f"| `{name}` | {count.split()[0]} | {times.get('ours', times['ours without compiler']):.3g} | {theirs} | "
            f"{found['times faster than the faster unfused']:.2f} | {ratios.get('fused', '–')} | "
            f"{100 * found['share of copy bandwidth']:.0f} % |"
        )
    lines += ["", machine({**environment, "rounds": figures["rounds"]}), ""]
    return "\n".join(lines)


def _each_rule(figures: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield every rule with the arrays that its parameters were in, and what was found."""
    for name, layouts in figures["rules"].items():
        for layout, found in layouts.items():
            yield name, layout, found


def _most_extra(figures: dict[str, Any], way: str = "ours") -> float:
    """Return the most memory that a step took for itself in a way of writing it, in megabytes."""
    extra = (found["peak extra megabytes"].get(way) for _, _, found in _each_rule(figures))
    return max((one for one in extra if one is not None), default=0.0)


def _slower(figures: dict[str, Any]) -> str:
    """Return which rules fall short of PyTorch's, in a sentence, or nothing."""
    short = [
        f"`{name}` in {count}"
        for name, count, found in _each_rule(figures)
        if found["times faster than the faster unfused"] < 1 or found["times faster than"].get("fused", 1) < 0.9
    ]
    targets = "The targets are 1.0 times the speed of torch's faster unfused form and 0.9 times that of its fused one"
    return f" {targets}; {_told_short(short)}."


def _told_short(short: list[str], targets: str = "them") -> str:
    told = ", ".join(short).replace("1 tensors", "one tensor")
    return f"short of {targets}: {told}" if short else f"all reach {targets}"


def optax_step(figures: dict[str, Any]) -> str:
    """Return the section on steps of Optax transformations."""
    slower = [
        f"`{name}` in {layout}"
        for name, layout, found in _each_rule(figures)
        if found["times faster than"]["optax"] < 1
    ]
    lines = [
        "## One step in Optax",
        "",
        f"`benchmarks/optax_step.py`: {figures['parameters'] / 1e6:g} million parameters on one device, one jitted step with "
        f"`apply_updates`, medians of {figures['rounds']} rounds. The last column is against `inject_hyperparams`, which also "
        f"keeps the rate in the state, as ours always does. The target is the speed of Optax; {_told_short(slower, 'it')}.",
        "",
        "| rule | arrays | Thalweg, ms | Optax, ms | × Optax | × Optax, rate in the state |",
        "|---|---|---:|---:|---:|---:|",
    ]
    for name, layout, found in _each_rule(figures):
        times, ratios = found["milliseconds per step"], found["times faster than"]
        injected = ratios.get("optax, rate in the state")
        lines.append(
            f"| `{name}` | {layout} | {times['thalweg']:.3g} | {times['optax']:.3g} | {ratios['optax']:.2f} | "
            f"{'–' if injected is None else f'{injected:.2f}'} |"
        )
    lines += ["", machine(figures), ""]
    return "\n".join(lines)


def step_cost(figures: dict[str, Any]) -> str:
    """Return the section on what an update costs."""
    costs = figures["times as long as sgd"]
    cells = ", ".join(f"`{name}` {cost:g}" for name, cost in sorted(costs.items(), key=lambda item: item[1]))
    return "\n".join(
        [
            "## What an update costs",
            "",
            f"`benchmarks/step_cost.py`: one update of {figures['parameters']:,} parameters in six arrays, compiled by JAX, "
            f"gradients given; as a multiple of gradient descent's {figures['microseconds of sgd']:g} µs: {cells}.",
            "",
            machine(figures),
            "",
        ]
    )


def end_to_end(figures: dict[str, Any]) -> str:
    """Return the section on whole comparisons."""
    lines = [
        "## From a cold process to the report",
        "",
        "`benchmarks/end_to_end.py`: `thalweg compare digits` with eight optimizers in a new process with a new store, report "
        "included. Cold: no compiled program, no timing is known. Warm: those of the cold run are. The torch loop trains a "
        "sample of the same runs (same model, batch, steps and evaluations); its time per run is multiplied by their number.",
        "",
        "| effort | runs | cold, s | warm, s | torch loop, s | torch / cold | torch / warm | peak memory, MiB |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for one in figures["efforts"]:
        s = one["seconds"]
        lines.append(
            f"| {one['effort']} | {one['runs']} | {s['cold']} | {s['warm']} | {s['torch loop, from a sample']} | "
            f"{one['torch loop over cold']}× | {one['torch loop over warm']}× | {one['peak MiB']} |"
        )
    lines += ["", "Where the seconds go (one more run each):", ""]
    columns = [
        (f"{one['effort']}, {state}", one[f"where the seconds go, {state}"])
        for one in figures["efforts"]
        for state in ("cold", "warm")
    ]
    lines += ["| part | " + " | ".join(name for name, _ in columns) + " |", "|---" * (len(columns) + 1) + "|"]
    lines += [f"| {part} | " + " | ".join(str(parts[part]) for _, parts in columns) + " |" for part in columns[0][1]]
    return "\n".join([*lines, "", machine(figures), ""])


def store(figures: dict[str, Any]) -> str:
    """Return the section on the store."""
    opening, writing, large, share = (
        figures[part] for part in ("opening", "writing", "large store", "share of a study")
    )
    rows = {
        "open a new store": opening["new store, seconds"],
        "open a store that is up to date": opening["up-to-date store, seconds"],
        f"write {writing['runs']:,} runs, {writing['runs per transaction']} at a time": writing["seconds"],
        "large store: write the first study": large["write the first study, seconds"],
        "large store: write the last study": large["write the last study, seconds"],
        "large store: list the studies": large["list, seconds"],
        "large store: load a study of 1,000 runs": large["load a study of 1,000 runs, seconds"],
    }
    lines = [
        "## Store",
        "",
        f"`benchmarks/store.py`: SQLite, {writing['points per curve']} points per curve. The large store holds "
        f"{large['runs']:,} runs in {large['studies']} studies, {large['megabytes']:g} MB. Of `{share['command']}` "
        f"({share['runs']} runs, {share['seconds']} s) the store takes {share['store, seconds']:.2f} s, "
        f"{100 * share['share']:.1f} %.",
        "",
        "| what | seconds |",
        "|---|---:|",
        *(f"| {what} | {seconds:.2f} |" for what, seconds in rows.items()),
        "",
        machine(figures["environment"]),
        "",
    ]
    return "\n".join(lines)


def kills(figures: dict[str, Any]) -> str:
    """Return the section on the kill campaign."""
    return "\n".join(
        [
            "## Kill −9",
            "",
            f"`scripts/kill_campaign.py`: `thalweg {figures['command']}` was killed {figures['kills']} times at random moments in "
            f"{figures['studies']} studies and started again until it came through. Leaderboards that differ from the "
            f"undisturbed one: {figures['leaderboards that differ']}; runs that differ in any bit of their curves: "
            f"{figures['runs that differ']}; finished runs trained a second time: {figures['runs trained twice']}.",
            "",
        ]
    )


def memory(figures: dict[str, Any]) -> str:
    """Return the section on the memory of whole comparisons."""
    growth, quick, standard = figures["growth"], figures["quick"], figures["standard"]
    few, many = growth["trials"]
    return "\n".join(
        [
            "## Memory",
            "",
            f"`benchmarks/memory.py`: the most memory that a process held. `{quick['command']}` {quick['GiB']:.2f} GiB, "
            f"`{standard['command']}` {standard['GiB']:.2f} GiB; `{growth['command']}` {growth['MiB'][0]} MiB with {few:,} "
            f"trials per optimizer and {growth['MiB'][1]} MiB with {many:,}.",
            "",
        ]
    )


def fuzz(figures: dict[str, Any]) -> str:
    """Return the section on fuzzing what users write."""
    outcomes = figures["outcomes"]
    answered = sum(count for outcome, count in outcomes.items() if outcome.endswith(("answered", "equal")))
    return "\n".join(
        [
            "## Fuzzed settings",
            "",
            f"`scripts/fuzz_specs.py`: {figures['cases']:,} random specifications of comparisons, runs, races and records; "
            f"{answered:,} were answered, {sum(outcomes.values()) - answered:,} refused in a sentence, "
            f"{len(figures['failures'])} failed in another way.",
            "",
        ]
    )


def mutation(figures: dict[str, Any]) -> str:
    """Return the section on the mutation campaign."""
    killers = {
        "oracle": "a literal form of the paper's formula",
        "library": "another library",
        "detail": "a check of a part",
        "exception": "an error",
        "defaults": "defaults of papers and libraries",
        "ranges": "the allowed ranges",
        "state": "the size of the state",
        "identity": "an identity between rules",
    }
    killed = sorted(figures["killed_by"].items(), key=lambda item: -item[1])
    lines = [
        "## Mutants of the rules",
        "",
        f"`scripts/mutate_rules.py`: every number, sign, operator, comparison, name, default and preset of every rule, changed "
        f"one at a time: {figures['mutants']:,} mutants. {figures['killed']:,} failed a conformance check, "
        f"{figures['survived']:,} survived, and {_explained(figures):,} change nothing that can be observed (each is explained "
        "in the script). They failed by "
        + ", ".join(f"{killers.get(name, name)} ({count:,})" for name, count in killed)
        + ".",
        "",
        "| module | mutants | killed | explained |",
        "|---|---:|---:|---:|",
        *(
            f"| `{name}` | {row['mutants']:,} | {row['killed']:,} | {row['equivalent']} |"
            for name, row in figures["by_module"].items()
        ),
        "",
        "| kind of change | mutants | killed | explained |",
        "|---|---:|---:|---:|",
        *(
            f"| {name} | {row['mutants']:,} | {row['killed']:,} | {row['equivalent']} |"
            for name, row in figures["by_kind"].items()
        ),
        "",
    ]
    return "\n".join(lines)


def _explained(figures: dict[str, Any]) -> int:
    return figures["mutants"] - figures["killed"] - figures["survived"]


def machine(figures: dict[str, Any]) -> str:
    """Return what it was measured on, in a line."""
    versions = ", ".join(f"{name} {number}" for name, number in figures["versions"].items())
    told = f"*{figures['processor']}, {figures['cores']} cores, Python {figures['python']}, {versions}"
    return "; ".join([told, *_conditions(figures)]) + ".*"


def _conditions(figures: dict[str, Any]) -> list[str]:
    """Return what is known of how it was measured."""
    load, count = figures.get("load average at start"), figures.get("rounds")
    return [f"load average at the start {load}"] * (load is not None) + [f"{count} rounds"] * (count is not None)


def _listed(figures: Any, indent: str = "") -> list[str]:
    lines = []
    for name, value in figures.items():
        if isinstance(value, dict):
            lines += [f"{indent}- {name}:", *_listed(value, indent + "  ")]
        elif isinstance(value, list):
            lines.append(f"{indent}- {name}: {', '.join(map(str, value)) if value else 'none'}")
        else:
            lines.append(
                f"{indent}- {name}: {value:,}" if isinstance(value, int | float) else f"{indent}- {name}: {value}"
            )
    return lines


SECTIONS = {
    "throughput": throughput,
    "structures": structures,
    "torch_step": torch_step,
    "optax_step": optax_step,
    "step_cost": step_cost,
    "end_to_end": end_to_end,
    "store": store,
    "memory": memory,
    "kills": kills,
    "fuzz": fuzz,
    "mutation": mutation,
}

if __name__ == "__main__":
    main()
