"""The shapes that come with the harness, by the name of their file in `shapes/`."""

from harness.schedule._alone_then_mixed import ALONE_THEN_MIXED
from harness.schedule._breakpoint import BREAKPOINT
from harness.schedule._counts import REQUEST_COUNT
from harness.schedule._loads import CONCURRENCY_STEPS, SOAK, SPIKE, STRESS_RAMP, WAVE
from harness.schedule._spec import ShapeSpec

SHAPES: dict[str, ShapeSpec] = {
    spec.name: spec
    for spec in (
        CONCURRENCY_STEPS,
        STRESS_RAMP,
        SPIKE,
        SOAK,
        WAVE,
        REQUEST_COUNT,
        BREAKPOINT,
        ALONE_THEN_MIXED,
    )
}
