"""How a validity check comes out: three ways to make a `ValidityCheck`."""

from harness.verdicts._model import Validity, ValidityCheck


def valid(name: str, measured: str, limit: str, reason: str) -> ValidityCheck:
    return ValidityCheck(name, Validity.VALID, measured, limit, reason, "")


def invalid(name: str, measured: str, limit: str, reason: str, remedy: str) -> ValidityCheck:
    return ValidityCheck(name, Validity.INVALID, measured, limit, reason, remedy)


def unchecked(name: str, limit: str, reason: str) -> ValidityCheck:
    """The data is missing."""
    remedy = "run with the harness's own users and plugin, and hold phases long enough to look at"
    return ValidityCheck(name, Validity.UNCHECKED, "not recorded", limit, reason, remedy)
