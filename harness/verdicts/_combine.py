"""A run's own judgement together with how it compares: one exit code and one headline for both."""

from dataclasses import replace

from harness.errors import PRECEDENCE, ExitCode
from harness.verdicts._change_model import Regression
from harness.verdicts._model import Judgement


def with_regression(judgement: Judgement, regression: Regression, *, strict: bool = False) -> Judgement:
    """The judgement of the run with the exit code that comes first of the two.

    A regression is the headline where it decides; what makes a run invalid, or fails it, stays so.
    """
    code = first_code(judgement.exit_code, regression.exit_code(strict=strict))
    if code in (judgement.exit_code, ExitCode.OK):
        return judgement
    return replace(judgement, exit_code=code, headline=f"REGRESSION: {regression.headline}")


def first_code(*codes: ExitCode) -> ExitCode:
    """The code that wins, in the order of `harness.errors.PRECEDENCE`."""
    return min(codes, key=PRECEDENCE.index)
