"""A study's runs and curves as files for other programs."""

import csv
import errno
import json
import math
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal, TypeAlias

from thalweg.errors import UnknownNameError, UsageError, WorkError
from thalweg.records import PlannedRun, RunResult, StudyRecord, plain
from thalweg.report.tidy import ExportColumn, ExportTable, curves_table, runs_table

__all__ = ["FORMATS", "Format", "export_study"]

Format: TypeAlias = Literal["csv", "json", "parquet"]
FORMATS: tuple[Format, ...] = ("csv", "json", "parquet")
NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}


def export_study(
    record: StudyRecord,
    runs: Sequence[tuple[PlannedRun, RunResult]],
    to: Format | str,
    out: Path,
    *,
    force: bool = False,
) -> list[Path]:
    """Write a study's runs and curves as tidy tables.

    The table ``runs`` has one row per run of the study: where it stands in the study, its
    settings (a column for each hyperparameter) and its outcome. The table ``curves`` has one row
    per measured point; its column ``run`` is the column ``fingerprint`` of ``runs``. A number
    that was never measured is missing (empty in CSV, null in JSON and Parquet); one that is not
    finite is ``NaN`` or ``inf`` in CSV and Parquet, and null in JSON, which has no word for it:
    see the status. Parquet and JSON carry the meaning and unit of each column.

    Args:
        record: The study.
        runs: Its runs that have a result, with their places.
        to: ``csv`` or ``parquet`` (two files), or ``json`` (one document).
        out: For ``json`` the file. Otherwise a folder, made if it is missing, in which
            ``runs.csv`` and ``curves.csv`` are written; or, ending in ``.csv`` or ``.parquet``, a
            stem: ``digits.csv`` gives ``digits-runs.csv`` and ``digits-curves.csv``.
        force: Whether files that exist are overwritten.

    Returns:
        The files written.

    Raises:
        UnknownNameError: There is no such format.
        UsageError: A file exists and ``force`` is not set, or the place cannot be written.
        WorkError: The disk is full.
    """
    if to not in FORMATS:
        raise UnknownNameError("export format", str(to), FORMATS)
    tables = [runs_table(record, runs), curves_table(record, runs)]
    if to == "json":
        target = out / f"study-{record.id}.json" if is_folder(out) else out
        work: dict[Path, Callable[[Path], None]] = {target: lambda path: write_json(record, tables, path)}
    else:
        write = write_csv if to == "csv" else write_parquet
        work = {
            target: lambda path, table=table: write(table, path)
            for table, target in zip(tables, table_files(out, to, [table.name for table in tables]), strict=True)
        }
    refuse_existing(work, force=force)
    for path, write_file in work.items():
        write_whole(path, write_file)
    return list(work)


def table_files(out: Path, to: str, names: Sequence[str]) -> list[Path]:
    """Return the file of each table, in a folder or from a stem."""
    if out.suffix.lower() == f".{to}" and not is_folder(out):
        return [out.with_name(f"{out.stem}-{name}{out.suffix}") for name in names]
    return [out / f"{name}.{to}" for name in names]


def is_folder(path: Path) -> bool:
    """Return whether a folder is there; an impossible name is no folder."""
    return os.path.isdir(path)  # noqa: PTH112


def refuse_existing(paths: dict[Path, Any], *, force: bool) -> None:
    """Refuse to overwrite anything, before anything is written.

    Raises:
        UsageError: A file exists and may not be overwritten.
    """
    there = [str(path) for path in paths if os.path.exists(path)]  # noqa: PTH110 (no name is too odd to ask for)
    if there and not force:
        verb = "exists" if len(there) == 1 else "exist"
        names = " and ".join(repr(name) for name in there)
        raise UsageError(f"out: {names} already {verb}; give another path, or overwrite with --force.")


def write_whole(path: Path, write: Callable[[Path], None]) -> None:
    """Write a file beside its place and move it there, so that it is there whole or not at all.

    Raises:
        UsageError: The place cannot be written.
        WorkError: The disk is full.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            write(partial)
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        if getattr(error, "errno", None) in NO_ROOM:
            raise WorkError(
                f"out: {str(path)!r} could not be written ({reason}); free some room and try again."
            ) from error
        raise UsageError(
            f"out: {str(path)!r} cannot be written ({reason}); give a path where you may write."
        ) from error


def write_csv(table: ExportTable, path: Path) -> None:
    """Write a table as CSV (RFC 4180 with line feeds, UTF-8), numbers in their shortest exact form."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([column.name for column in table.columns])
        writer.writerows(zip(*(cells(column) for column in table.columns), strict=True))


def cells(column: ExportColumn) -> list[str]:
    """Return a column's values as the text of CSV cells."""
    if column.kind in {"double", "single"}:
        return ["" if value is None else "NaN" if math.isnan(value) else str(value) for value in column.values]
    return ["" if value is None else str(value) for value in column.values]


def json_values(column: ExportColumn) -> list[Any]:
    """Return a column's values as what JSON can hold."""
    if column.kind == "single":  # through str, or a float32 would get the digits of the double it equals
        return plain([float(str(value)) for value in column.values])
    return plain(column.values)


def write_json(record: StudyRecord, tables: Sequence[ExportTable], path: Path) -> None:
    """Write the study's record and both tables as one JSON document."""
    document: dict[str, Any] = {"study": plain(record)}
    for table in tables:
        rows = zip(*(json_values(column) for column in table.columns), strict=True)
        document[table.name] = [dict(zip([column.name for column in table.columns], row, strict=True)) for row in rows]
    document["columns"] = {table.name: {column.name: column.meaning for column in table.columns} for table in tables}
    with path.open("w", encoding="utf-8") as file:
        json.dump(document, file, ensure_ascii=False, allow_nan=False, indent=1)
        file.write("\n")


def write_parquet(table: ExportTable, path: Path) -> None:
    """Write a table as Parquet; each field's metadata holds the column's meaning."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    types = {
        "text": pa.string(),
        "integer": pa.int64(),
        "double": pa.float64(),
        "single": pa.float32(),
        "boolean": pa.bool_(),
    }
    fields = [
        pa.field(column.name, types[column.kind], metadata={"meaning": column.meaning}) for column in table.columns
    ]
    arrays = [pa.array(column.values, types[column.kind], from_pandas=False) for column in table.columns]
    pq.write_table(pa.Table.from_arrays(arrays, schema=pa.schema(fields)), path)
