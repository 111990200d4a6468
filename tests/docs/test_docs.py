"""The documentation is run: samples, commands, links, and that nothing public is left out."""

import os
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest
from docs_blocks import ROOT, Block, Call, blocks, calls, pages, pattern

import thalweg
from thalweg.cli.app import app

PAGES = pages()
CONTEXT = click.Context(app, info_name="thalweg")
PROGRAM = Path(sys.executable).with_name("thalweg")
LINK = re.compile(r"(?<!\\)\]\((?P<target>[^)\s]+)\)")
KNOWN = {
    "python": {"shown"},
    "console": {"shown"},
    "sh": {"norun"},
    "text": set(),
    "": set(),
}


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def runs(block: Block) -> bool:
    return block.language in {"python", "console"} and "shown" not in block.words


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of its own with a store of its own, from which files beside it can be imported."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("THALWEG_STORE", str(tmp_path / "store.db"))
    monkeypatch.setenv("COLUMNS", "120")  # as wide as in a pipe
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("page", [p for p in PAGES if any(map(runs, blocks(p)))], ids=name)
def test_samples_run(page: Path, workplace: Path) -> None:
    namespace: dict[str, object] = {"__name__": "sample"}
    modules = set(sys.modules)
    for block in filter(runs, blocks(page)):
        place = f"{name(page)}, line {block.line}"
        file = block.setting("file")
        if file:
            (workplace / file).write_text(block.body, encoding="utf-8")
        elif block.language == "python":
            exec(compile("\n" * block.line + block.body, str(page), "exec"), namespace)
        else:
            for call in calls(block):
                run_call(call, int(block.setting("status") or 0), place)
    for module in set(sys.modules) - modules:
        if (workplace / f"{module}.py").is_file():
            del sys.modules[module]


def run_call(call: Call, status: int, place: str) -> None:
    assert call.words[0] == "thalweg", place
    done = subprocess.run([PROGRAM, *call.words[1:]], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == status, f"{place}: {' '.join(call.words)}\n{done.stderr}"
    printed = done.stdout if status == 0 else done.stderr
    clean = "\n".join(line.rstrip() for line in printed.strip().splitlines())
    assert pattern(call.output).fullmatch(clean), f"{place}: {' '.join(call.words)} prints\n{clean}"


def test_output_that_differs_is_noticed() -> None:
    assert pattern("a  \nb [...]\nz").fullmatch("a\nb 1\nc 2\nz")
    assert not pattern("a\n[...]\nz").fullmatch("a\nz more")
    assert not pattern("1.5").fullmatch("1x5")


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_blocks_are_of_a_known_kind(page: Path) -> None:
    for block in blocks(page):
        free = {word for word in block.words if "=" not in word}
        assert block.language in KNOWN, f"{name(page)}, line {block.line}"
        assert free <= KNOWN[block.language], f"{name(page)}, line {block.line}"
        assert block.language != "sh" or "norun" in block.words, f"{name(page)}, line {block.line}"


SHOWN = [(page, block) for page in PAGES for block in blocks(page) if "shown" in block.words]


@pytest.mark.parametrize(("page", "block"), SHOWN, ids=[f"{name(p)}:{b.line}" for p, b in SHOWN])
def test_what_is_only_shown_would_be_accepted(page: Path, block: Block) -> None:
    if block.language == "python":
        compile(block.body, str(page), "exec")
        return
    for call in calls(block):
        _, command, *words = call.words
        found = app.get_command(CONTEXT, command)
        assert found, command
        with found.make_context(command, words, parent=CONTEXT) as context:
            assert context.params


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_somewhere(page: Path) -> None:
    for match in LINK.finditer(page.read_text(encoding="utf-8")):
        target, _, anchor = match["target"].partition("#")
        if "://" in target:
            continue
        path = (page.parent / target).resolve() if target else page
        assert path.exists(), f"{name(page)} links to {match['target']}"
        if anchor:
            assert anchor in anchors(path), f"{name(page)} links to {match['target']}"


def anchors(page: Path) -> set[str]:
    """Return the anchors that GitHub gives a page's headings."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_images_are_small() -> None:
    for image in (ROOT / "docs" / "images").iterdir():
        assert image.stat().st_size < 300_000, image.name


def test_generated_pages_are_up_to_date() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "scripts" / "write_catalogue.py", "--check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def everything() -> str:
    return "\n".join(page.read_text(encoding="utf-8") for page in PAGES)


def test_every_command_and_option_is_documented() -> None:
    text = everything()
    for command in app.list_commands(CONTEXT):
        assert f"thalweg {command}" in text
        found = app.get_command(CONTEXT, command)
        assert found
        for parameter in found.params:
            for option in parameter.opts if isinstance(parameter, click.Option) else ():
                assert f"`{option}`" in text, f"{command} {option}"


@pytest.mark.parametrize("public", thalweg.__all__)
def test_every_public_name_is_documented(public: str) -> None:
    assert re.search(rf"\b(tw|thalweg)\.{re.escape(public)}\b", everything())


def test_examples_work_together(workplace: Path) -> None:
    task, rule = (os.path.relpath(ROOT / "examples" / file, workplace) for file in ("my_task.py:wine", "my_rule.py"))
    words = ("thalweg", "train", task, "--optimizer", f"{rule}:MyRule@plain", "--epochs", "2", "--quiet")
    run_call(Call(words, "Wine cultivars, perceptron 13-16-3\n[...]"), 0, "examples")
