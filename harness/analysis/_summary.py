"""A run's summary: every figure of the report, derived once."""

from typing import TYPE_CHECKING

from harness.analysis._charts import histogram, slowest, time_series
from harness.analysis._dataset import Dataset, RequestDataset
from harness.analysis._groups import ALL, component_times, group, groups_by, load_steps
from harness.analysis._model import ErrorGroup, Summary, Totals
from harness.analysis._samples import NO_TIME, unanswered_after_ms
from harness.analysis._window import moment_us
from harness.errors import UnreadableFileError
from harness.runs import (
    LOCUST_CSV_PREFIX,
    Manifest,
    Outcome,
    Run,
    RunSource,
    TargetRecord,
    locust_exceptions,
)

if TYPE_CHECKING:
    import pandas as pd

_MESSAGE_CHARS = 80


def summarise(run: Run, dataset: Dataset | None = None) -> Summary:
    """Everything derived from one run; `dataset` spares reading the tables again.

    Raises UnreadableFileError when a table of the run is not what it should be.
    """
    data = dataset or Dataset.from_run(run)
    if not isinstance(data, RequestDataset):
        from harness.analysis._locust import LocustDataset, summarise_locust

        if not isinstance(data, LocustDataset):
            raise TypeError(f"{type(data).__name__} is not read from a run")
        return summarise_locust(run, data)
    return Summary(
        run_id=run.manifest.run_id,
        scenario=run.manifest.scenario.name,
        source=str(run.source),
        exact=True,
        provider=provider_words(run.manifest.target),
        started_at=run.manifest.started_at,
        duration_s=_duration_s(run.manifest, data),
        window=data.window,
        totals=totals(data.samples),
        overall=group(ALL, data.whole),
        by_category=groups_by("category", data.whole),
        by_name=groups_by("name", data.whole),
        components=component_times(data),
        steps=load_steps(data),
        errors=error_groups(data.samples),
        histogram=histogram(data),
        series=time_series(data, run.manifest),
        slowest=slowest(data),
        notes=(*_notes(run.manifest, data), *exception_notes(run)),
    )


def provider_words(target: TargetRecord) -> str:
    """SIMULATED with the profile, or LIVE with the models.

    >>> provider_words(TargetRecord(provider_mode="simulated", profile="reference"))
    'SIMULATED (reference)'
    """
    match target.provider_mode:
        case "simulated":
            return f"SIMULATED ({target.profile or 'profile unknown'})"
        case "live":
            models = dict.fromkeys(target.models.values())
            return f"LIVE ({', '.join(models) or 'models unknown'})"
        case _:
            return "unknown"


def totals(samples: "pd.DataFrame") -> Totals:
    """Counts over the whole run."""
    counts = samples["outcome"].value_counts()
    outcomes = {str(outcome): int(n) for outcome, n in sorted(counts.items()) if n}
    return Totals(
        requests=len(samples),
        errors=int(samples["failed"].sum()),
        degraded=outcomes.get("degraded", 0),
        incomplete=outcomes.get("incomplete", 0),
        outcomes=outcomes,
    )


def error_groups(samples: "pd.DataFrame") -> list[ErrorGroup]:
    """Errors of the whole run by name, outcome, cause and text; the most frequent first."""
    keys = ["name", "outcome", "cause", "error"]
    failed = samples.loc[samples["failed"], keys]
    if failed.empty:
        return []
    filled = failed.astype(object).fillna("")
    filled.loc[samples.loc[samples["failed"], "unanswered"], ["cause", "error"]] = ("service", "unanswered")
    counts = filled.groupby(keys).size().reset_index(name="count")
    counts = counts.sort_values(["count", *keys], ascending=[False, True, True, True, True])
    return [
        ErrorGroup(name, outcome, cause, error, int(count))
        for name, outcome, cause, error, count in counts.itertuples(index=False)
    ]


def exception_notes(run: Run) -> tuple[str, ...]:
    """What the users' own code raised, which is in no figure: as many requests were not sent."""
    if run.source is RunSource.FOLDER:
        prefix = run.path / LOCUST_CSV_PREFIX
        try:
            table = locust_exceptions(prefix)
        except UnreadableFileError:
            return (f"exceptions in users' tasks are not known: {prefix.name}_exceptions.csv is unreadable",)
    else:
        prefix, table = run.path, run.locust.exceptions if run.locust is not None else None
    if table is None or not (total := int(table["Count"].sum())):
        return ()
    counts = table.groupby("Message")["Count"].sum()
    lines = str(counts.idxmax()).split("\n")
    most = lines[0][:_MESSAGE_CHARS].strip()
    often = f", most often '{most}'" if most else ""
    what = "1 exception" if total == 1 else f"{total} exceptions"
    return (f"{what} in users' tasks{often}: see {prefix.name}_exceptions.csv",)


def _unanswered_notes(data: RequestDataset) -> list[str]:
    samples = data.samples
    notes = []
    sent, ended = data.whole.inside, data.whole.flagged("counted") & ~data.whole.flagged("unanswered")
    if sent.any() and not ended.any():
        notes.append(f"the service answered none of the {int(sent.sum())} requests of the measured window")
    pending_ms = samples["pending_ms"].dropna()
    incomplete = int((samples["outcome"] == Outcome.INCOMPLETE).sum())
    if not incomplete:
        return notes
    subject = "1 request was" if incomplete == 1 else f"{incomplete} requests were"
    longest = f", the longest after {pending_ms.max() / 1000:.3g} s" if len(pending_ms) else ""
    note = f"{subject} still unanswered when the run ended{longest}: they are in no percentile"
    errors = int(samples["unanswered"].sum())
    if errors:
        after_s = unanswered_after_ms(samples.loc[samples["completed"], "service_ms"].to_numpy()) / 1000
        note += f"; {errors} of them, pending for {after_s:.3g} s or longer, count as errors"
    return [*notes, note]


def _duration_s(manifest: Manifest, data: RequestDataset) -> float:
    """From the start of the run to its recorded end, else to the last thing that happened."""
    done = data.samples["done_us"]
    moments = [phase.end_us for phase in manifest.phases]
    moments += [int(done.max())] if len(done) and done.max() != NO_TIME else []
    ended = moment_us(manifest.ended_at)
    end = ended if ended is not None else max(moments, default=data.measured.origin_us)
    return max(end - data.measured.origin_us, 0) / 1e6


def _notes(manifest: Manifest, data: RequestDataset) -> tuple[str, ...]:
    notes = []
    timeouts = int((data.whole.flagged("latency") & ~data.whole.flagged("completed")).sum())
    if timeouts:
        notes.append(
            f"{timeouts} timed-out requests are in the response times with the time after which the client "
            "gave up; the service would have taken longer"
        )
    notes += _unanswered_notes(data)
    if not data.measured.pieces:
        notes.append("the measured window is empty: the run is shorter than its warm-up and settling")
    if manifest.samples_missing:
        notes.append(f"{manifest.samples_missing} samples are missing; figures are of those that arrived")
    return tuple(notes)
