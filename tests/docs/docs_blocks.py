"""Fenced blocks of the documentation, and how each kind is run.

The word after three backticks is the language; what follows says what is done with a block:

- ``python``: run, with one namespace for the page. ``file=name.py``: written to a file instead. ``shown``: only
  compiled.
- ``console``: every line that begins with ``$ `` is run, the lines below it are what it must print, ``[...]`` standing
  for anything. ``status=2``: its exit status, 0 unless given. ``shown``: the command line must be accepted, nothing is
  run.
- ``sh norun``, ``text``: only to be read.
"""

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Block", "Call", "blocks", "calls", "pages", "pattern"]

ROOT = Path(__file__).parents[2]
FENCE = re.compile(r"^```(?P<info>[^\n]*)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)
ANYTHING = "[...]"


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, the words after it, its text and the line it begins at."""

    language: str
    words: tuple[str, ...]
    body: str
    line: int

    def setting(self, name: str) -> str | None:
        """Return the value of ``name=value`` among the words, or None."""
        return next((word.partition("=")[2] for word in self.words if word.startswith(f"{name}=")), None)


@dataclass(frozen=True)
class Call:
    """A command of a console block: its words and the output shown below it."""

    words: tuple[str, ...]
    output: str


def pages() -> list[Path]:
    """Return every page of the documentation."""
    return [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]


def blocks(page: Path) -> list[Block]:
    """Return a page's fenced blocks in order."""
    text = page.read_text(encoding="utf-8")
    found = []
    for match in FENCE.finditer(text):
        language, *words = match["info"].split() or [""]
        found.append(Block(language, tuple(words), match["body"], text.count("\n", 0, match.start()) + 1))
    return found


def calls(block: Block) -> list[Call]:
    """Return the commands of a console block, comments left out."""
    found: list[Call] = []
    for line in block.body.splitlines():
        if line.startswith("$ "):
            found.append(Call(tuple(shlex.split(line[2:])), ""))
        elif found and not line.startswith("# "):
            last = found.pop()
            found.append(Call(last.words, f"{last.output}{line}\n"))
    return found


def pattern(shown: str) -> re.Pattern[str]:
    """Return what matches an output, whatever its spaces at line ends and whatever stands for ``[...]``."""
    lines = "\n".join(line.rstrip() for line in shown.strip().splitlines())
    return re.compile(".*?".join(re.escape(part) for part in lines.split(ANYTHING)), re.DOTALL)
