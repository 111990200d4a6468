"""Compile C with the machine's compiler, once per source, and keep what was compiled.

``THALWEG_CC`` names another compiler than ``cc``; ``THALWEG_CC=none`` does without one. Compiled functions are kept in
``THALWEG_CACHE``, or the user's folder for caches, under a name that holds everything they depend on.
"""

import ctypes
import functools
import hashlib
import os
import platform
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import platformdirs

__all__ = ["compiled", "compiler"]

FLAGS = (
    "-O3", "-march=native", "-shared", "-fPIC", "-w",
    # Rounding is PyTorch's own: nothing is contracted or reordered, NaN stays NaN; only the sign of zero is free.
    "-ffp-contract=off", "-fno-math-errno", "-fno-trapping-math", "-fno-signed-zeros",
    # Choices between numbers stay choices: moved into branches they would keep gcc from using vectors.
    "-fno-tree-sink", "-fno-tree-pre", "-fno-code-hoisting",
)  # fmt: skip
PATIENCE = 60  # seconds


def compiler() -> str | None:
    """Return the path of the C compiler, or None if there is none."""
    asked = os.environ.get("THALWEG_CC", "")
    if asked == "none" or os.name != "posix":
        return None
    return next((found for found in map(shutil.which, [asked] if asked else ["cc", "gcc", "clang"]) if found), None)


def compiled(source: str) -> Any | None:
    """Return the function ``thalweg_update`` of a C source, or None if this machine cannot compile it."""
    found = compiler()
    return None if found is None else _compiled(source, found)


@functools.cache
def _compiled(source: str, path: str) -> Any | None:
    for threads in (("-fopenmp",), ()):
        library = _built(source, path, (*FLAGS, *threads))
        if library is not None:
            function = library.thalweg_update
            function.restype = None
            function.argtypes = [ctypes.c_int64, *[ctypes.c_void_p] * 4, ctypes.c_int32]
            return function
    return None


def _built(source: str, path: str, flags: tuple[str, ...]) -> ctypes.CDLL | None:
    try:
        told = "\n".join([source, _fingerprint(path), *flags])
        name = f"{hashlib.sha256(told.encode()).hexdigest()}.so"
        folder = _folder()
        kept = folder / name
        if kept.exists():
            return ctypes.CDLL(str(kept))
        with tempfile.TemporaryDirectory(dir=folder) as beside:
            text, built = Path(beside, "update.c"), Path(beside, name)
            text.write_text(source)
            command = [path, *flags, str(text), "-o", str(built), "-lm"]
            subprocess.run(command, check=True, capture_output=True, timeout=PATIENCE)
            built.replace(kept)  # in one go, so that processes beside this one never see half a file
        return ctypes.CDLL(str(kept))
    except (OSError, subprocess.SubprocessError):
        return None


def _folder() -> Path:
    asked = os.environ.get("THALWEG_CACHE", "")
    folder = (Path(asked) if asked else Path(platformdirs.user_cache_dir("thalweg"))) / "updates"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@functools.cache
def _fingerprint(path: str) -> str:
    """Return what the compiled code depends on beside its source: compiler and processor."""
    version = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=PATIENCE, check=False).stdout
    told = Path("/proc/cpuinfo")
    lines = told.read_text(errors="replace").splitlines() if told.exists() else []
    features = next((line for line in lines if line.startswith(("flags", "Features"))), platform.processor())
    return f"{version}\n{platform.machine()}\n{features}"
