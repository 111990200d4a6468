"""Prepare JAX: every core a device, compiled programs kept between processes.

This must run before JAX starts its backend, so everything in Thalweg that needs JAX gets
it from :func:`prepare_jax`.
"""

import contextlib
import os
from functools import cache
from pathlib import Path

import platformdirs

__all__ = ["cache_folder", "core_count", "prepare_jax"]


def core_count() -> int:
    """Return the number of cores this process may use; ``THALWEG_DEVICES`` overrides it."""
    asked = os.environ.get("THALWEG_DEVICES", "")
    if asked.isdigit() and int(asked) > 0:
        return int(asked)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def cache_folder() -> Path:
    """Return the folder of compiled programs and calibrations; ``THALWEG_CACHE`` overrides it."""
    asked = os.environ.get("THALWEG_CACHE", "")
    return Path(asked) if asked else Path(platformdirs.user_cache_dir("thalweg"))


@cache
def prepare_jax() -> None:
    """Make each CPU core a JAX device and switch the persistent compile cache on, once.

    JAX keeps only programs that took a second to compile unless told otherwise; ours take less.
    Where the caller has started JAX already, its devices stay as they are. A cache that
    cannot be written is done without.
    """
    import jax

    with contextlib.suppress(RuntimeError):  # the backend has started: keep its devices
        devices = jax.config.jax_num_cpu_devices  # pyright: ignore[reportAttributeAccessIssue]
        if devices < 2 and "device_count" not in os.environ.get("XLA_FLAGS", ""):
            jax.config.update("jax_num_cpu_devices", core_count())
    if jax.config.jax_compilation_cache_dir is None:  # pyright: ignore[reportAttributeAccessIssue]
        folder = cache_folder() / "programs"
        with contextlib.suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True)
            jax.config.update("jax_compilation_cache_dir", str(folder))
            jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
            jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
