"""A run's summary: every figure of the report, derived once."""

import numpy as np

from harness.analysis._capacity import run_capacity
from harness.analysis._charts import histogram, slowest, time_series
from harness.analysis._components import component_figures
from harness.analysis._dataset import Dataset, RequestDataset
from harness.analysis._derived import derived_figures
from harness.analysis._drift import drifts
from harness.analysis._error_groups import error_groups, folded_errors_notes
from harness.analysis._groups import ALL, group, groups_by, load_steps
from harness.analysis._model import Summary, Totals
from harness.analysis._models import model_figures
from harness.analysis._recovery import recovery
from harness.analysis._resources import service_resources
from harness.analysis._samples import Samples
from harness.analysis._table import NO_TIME
from harness.analysis._warm_up import warm_up_check, warm_up_note
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

_MESSAGE_CHARS = 80

#: So many names, those with the most requests, have figures of their own.
MOST_NAMES = 100


def summarise(run: Run, dataset: Dataset | None = None) -> Summary:
    """Everything derived from one run; `dataset` spares reading the tables again.

    Raises UnreadableFileError when a table of the run is not what it should be.
    """
    data = dataset or Dataset.from_run(run)
    return _of_requests(run, data) if isinstance(data, RequestDataset) else _of_locust(run, data)


def _of_locust(run: Run, data: Dataset) -> Summary:
    from harness.analysis._locust import LocustDataset, summarise_locust

    if not isinstance(data, LocustDataset):
        raise TypeError(f"{type(data).__name__} is not read from a run")
    return summarise_locust(run, data)


def _of_requests(run: Run, data: RequestDataset) -> Summary:
    resources = run.resources()
    shape = run.manifest.scenario.load.get("shape_class")
    steps = load_steps(data)
    components, by_step = component_figures(data)
    warmed = warm_up_check(data)
    errors, raised = error_groups(data.samples), exception_notes(run)
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
        overall=group(ALL, data.cells.part()),
        by_category=groups_by("category", data.cells),
        by_name=groups_by("name", data.cells, most=MOST_NAMES),
        components=components,
        steps=steps,
        errors=errors,
        histogram=histogram(data),
        series=time_series(data, run.manifest),
        slowest=slowest(data, run.manifest.scenario.trace_url),
        notes=(*_notes(run.manifest, data), *folded_errors_notes(errors), *warm_up_note(warmed), *raised),
        resources=service_resources(data.measured, resources),
        component_steps=by_step,
        capacity=run_capacity(data, steps, by_step, resources),
        warm_up=warmed,
        derived=derived_figures(data, run.manifest.scenario.derived),
        models=model_figures(data),
        drifts=drifts(data, resources, is_soak=shape == "Soak"),
        recovery=recovery(data, run.manifest.phases, is_spike=shape == "Spike"),
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


def totals(samples: Samples) -> Totals:
    """Counts over the whole run."""
    labels = samples.labels("outcome")
    counts = np.bincount(samples.codes("outcome") + 1, minlength=len(labels) + 1).tolist()[1:]
    outcomes = {label: n for label, n in sorted(zip(labels, counts, strict=True)) if n}
    return Totals(
        requests=len(samples),
        errors=int(samples.values("failed").sum()),
        degraded=outcomes.get("degraded", 0),
        incomplete=outcomes.get("incomplete", 0),
        outcomes=outcomes,
    )


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
    outcome = samples.placed.columns.words["outcome"]
    pending = samples.where(outcome.codes == outcome.code(Outcome.INCOMPLETE))
    incomplete = len(pending)
    if not incomplete:
        return notes
    pending_ms = pending.values("pending_ms")
    pending_ms = pending_ms[~np.isnan(pending_ms)]
    subject = "1 request was" if incomplete == 1 else f"{incomplete} requests were"
    longest = f", the longest after {pending_ms.max() / 1000:.3g} s" if len(pending_ms) else ""
    note = f"{subject} still unanswered when the run ended{longest}: they are in no percentile"
    errors = int(pending.values("unanswered").sum())
    if errors:
        after_s = samples.placed.unanswered_after_ms / 1000
        note += f"; {errors} of them, pending for {after_s:.3g} s or longer, count as errors"
    return [*notes, note]


def _duration_s(manifest: Manifest, data: RequestDataset) -> float:
    """From the start of the run to its recorded end, else to the last thing that happened."""
    done = data.samples.values("done_us")
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
    names = len(data.samples.labels("name"))
    if names > MOST_NAMES:
        notes.append(
            f"requests have {names:,} different names: the {MOST_NAMES} with the most requests have "
            "figures of their own. Requests that differ in an id alone should share a name"
        )
    if not data.measured.pieces:
        notes.append("the measured window is empty: the run is shorter than its warm-up and settling")
    if manifest.samples_missing:
        notes.append(f"{manifest.samples_missing} samples are missing; figures are of those that arrived")
    return tuple(notes)
