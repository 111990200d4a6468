"""Where the time of one comparison goes, from a fresh process to the report; prints JSON. Used by ``end_to_end.py``.

``python benchmarks/time_parts.py EFFORT FOLDER OPTIMIZERS``
"""

import json
import sys
import time
from pathlib import Path


def main() -> None:
    """Compare and print seconds by part."""
    effort, folder, optimizers = sys.argv[1], Path(sys.argv[2]), sys.argv[3].split(",")
    began = time.perf_counter()
    from thalweg.study.compare import compare

    imported = time.perf_counter()
    study = compare("digits", optimizers, effort, store=folder / "store.db")
    compared = time.perf_counter()
    summary = study.summary
    summarized = time.perf_counter()
    from thalweg.report import write_report

    write_report(folder / "report.html", [summary])
    done = time.perf_counter()
    parts = study.record.seconds
    seconds = {
        "import": imported - began,
        "load and check the task, plan": parts["prepare"],
        "trace": parts["trace"],
        "compile": parts["compile"],
        "train": parts["train"],
        "initial points and test set": parts["evaluate"],
        "store": parts["store"],
        "time each optimizer alone": parts["timing"],
        "statistics": summarized - compared,
        "report": done - summarized,
        "all": done - began,
    }
    print(json.dumps({name: round(value, 2) for name, value in seconds.items()}))


if __name__ == "__main__":
    main()
