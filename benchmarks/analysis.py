"""What a report costs: time and memory of `harness report` on runs of 0.1, 1 and 10 million requests.

    .venv/bin/python benchmarks/analysis.py                      0.1 and 1 million requests
    .venv/bin/python benchmarks/analysis.py --rows 0.1,1,10      all three; takes 12 GB of disk for a while

Each run has six spans to a request and is made from a fixed seed. Beside it stands the obvious pandas
script: `read_csv` of the same rows, with the needed columns only, and quantiles by `groupby`. Every
measured piece of work is a process of its own, start-up included; memory is the most it held resident.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

# A script's own folder is on the path, the one above it is not.
sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks._synthetic import SPANS_PER_REQUEST, write_streams

MOST_REPORT_BYTES = 6_000_000
#: What was asked for, by millions of requests: seconds and megabytes.
GOALS = {0.1: (3.0, None), 10.0: (20.0, 1500.0)}

SEAL = """
import sys
from pathlib import Path
from benchmarks._synthetic import seal
seal(Path(sys.argv[1]))
"""
REPORT = """
import sys
from harness.cli import main
sys.exit(main(["report", sys.argv[1]]) not in (0, 1))
"""
PANDAS = """
import sys
import pandas as pd
requests = pd.read_csv(sys.argv[1] + "/requests.csv", parse_dates=["intended_at", "done_at"])
requests["ms"] = (requests.done_at - requests.intended_at).dt.total_seconds() * 1000
answered = requests[requests.outcome.isin(["ok", "degraded", "invalid_answer", "timeout"])]
print(answered.groupby("category").ms.quantile([0.5, 0.9, 0.95, 0.99, 0.999]))
print(answered.groupby(["phase", "category"]).ms.quantile([0.5, 0.95]))
spans = pd.read_csv(sys.argv[1] + "/spans.csv").merge(requests[["request_id", "category"]])
print(spans.groupby(["category", "component"]).duration_ms.quantile([0.5, 0.9, 0.95, 0.99, 0.999]))
"""
CSV_COLUMNS = {
    "requests": ["request_id", "category", "phase", "intended_at", "done_at", "outcome"],
    "spans": ["request_id", "component", "duration_ms"],
}


@dataclass(slots=True, frozen=True)
class Cost:
    """Wall and CPU time of one process, and the most memory that it held resident."""

    seconds: float
    cpu_s: float
    megabytes: float


def child(code: str, argument: Path) -> Cost:
    """Run code in a fresh interpreter; its failure is ours."""
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parents[1])}
    started = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(argument)], stdout=subprocess.DEVNULL, env=environment
    )
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"the measured process ended with {process.returncode}")
    unit = 1 if sys.platform == "darwin" else 1024
    return Cost(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * unit / 1e6)


def write_csvs(run: Path, folder: Path) -> None:
    """The rows of a sealed run as the CSVs that the pandas script reads."""
    for table, columns in CSV_COLUMNS.items():
        source = pq.ParquetFile(run / f"{table}.parquet")
        schema = pa.schema([source.schema_arrow.field(name) for name in columns])
        with pyarrow.csv.CSVWriter(folder / f"{table}.csv", schema) as writer:
            for batch in source.iter_batches(columns=columns):
                writer.write(batch.select(columns))


def measure(millions: float, folder: Path, *, against_pandas: bool) -> Iterator[str]:
    """Lines of the table for one size; everything written is removed again."""
    requests = round(millions * 1e6)
    run = write_streams(folder, requests)
    try:
        yield _line(millions, "seal (streams to Parquet)", child(SEAL, run))
        ours = child(REPORT, run)
        yield _line(millions, "harness report", ours) + _goal(millions, ours)
        size = (run / "report.html").stat().st_size
        yield f"{'':>8}  report.html {size / 1e6:.1f} MB{'' if size < MOST_REPORT_BYTES else ': TOO LARGE'}"
        if against_pandas:
            write_csvs(run, folder)
            other = child(PANDAS, folder)
            yield _line(millions, "pandas read_csv, groupby quantiles", other)
            faster, smaller = other.seconds / ours.seconds, other.megabytes / ours.megabytes
            cpu = other.cpu_s / ours.cpu_s
            ratios = f"{faster:.1f} x the time, {cpu:.1f} x the CPU time, {smaller:.1f} x the memory"
            yield f"{'':>8}  pandas / harness: {ratios}"
    finally:
        shutil.rmtree(run)
        for table in CSV_COLUMNS:
            (folder / f"{table}.csv").unlink(missing_ok=True)


def _line(millions: float, what: str, cost: Cost) -> str:
    per_million = cost.seconds / millions
    times = f"{cost.seconds:8.2f} s {per_million:8.2f} s/M {cost.cpu_s:8.2f} s CPU"
    return f"{millions:>7g}M  {what:36} {times} {cost.megabytes:8.0f} MB"


def _goal(millions: float, cost: Cost) -> str:
    seconds, megabytes = GOALS.get(millions, (None, None))
    if seconds is None:
        return ""
    met = cost.seconds < seconds and (megabytes is None or cost.megabytes < megabytes)
    words = f"< {seconds:g} s" + (f", < {megabytes:g} MB" if megabytes else "")
    return f"   goal {words}: {'met' if met else 'MISSED'}"


def main(show: Callable[[str], None] = print) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rows", default="0.1,1", help="millions of requests, with commas (default: 0.1,1)")
    parser.add_argument("--dir", type=Path, help="where to write the runs (default: a temporary folder)")
    parser.add_argument("--no-pandas", action="store_true", help="leave the pandas script out")
    options = parser.parse_args()
    sizes = [float(word) for word in options.rows.split(",")]
    busy = f"{os.getloadavg()[0]:.1f} of {os.cpu_count()} CPUs busy with other work"
    show(f"requests with {SPANS_PER_REQUEST} spans each; a fresh process each; {busy} at the start")
    if options.dir:
        Path(options.dir).mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=options.dir, prefix="analysis-") as folder:
        for millions in sizes:
            for line in measure(millions, Path(folder), against_pandas=not options.no_pandas):
                show(line)
                sys.stdout.flush()


if __name__ == "__main__":
    main()
