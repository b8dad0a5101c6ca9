"""Verdicts and provider modes as words, icons and tones; every presentation uses these."""

from dataclasses import dataclass

from harness.analysis import Summary
from harness.errors import ExitCode
from harness.verdicts import Criterion, Judgement, Validity

#: One tone has one colour in every presentation; the word and the icon carry the meaning too.
TONES = {
    "PASS": "good",
    "VALID": "good",
    "OK": "good",
    "IMPROVED": "good",
    "WARN": "warn",
    "INVESTIGATE": "warn",
    "INTERRUPTED": "warn",
    "FAIL": "bad",
    "INVALID": "bad",
    "NO DATA": "bad",
    "REGRESSION": "bad",
    "MISSING": "bad",
    "NOT COMPARABLE": "bad",
    "BLOCK": "bad",
    "ERROR": "bad",
}

_ICONS = {"good": "✓", "warn": "!", "bad": "✕", "neutral": "?"}
_ICON_OF_WORD = {"NO DATA": "?", "NOT APPLICABLE": "–"}  # noqa: RUF001


@dataclass(slots=True, frozen=True)
class Provider:
    """Whether a model provider was simulated or real: `word` in capitals, `detail` says which."""

    word: str
    detail: str

    @property
    def text(self) -> str:
        return f"{self.word} ({self.detail})" if self.detail else self.word


def tone(word: str) -> str:
    """`good`, `warn`, `bad` or `neutral`."""
    return TONES.get(word, "neutral")


def icon(word: str) -> str:
    return _ICON_OF_WORD.get(word, _ICONS[tone(word)])


def provider(summary: Summary) -> Provider:
    """What answered: the simulator's profile, the live models, or unknown."""
    word, bracket, rest = summary.provider.partition(" (")
    if word.upper() not in {"SIMULATED", "LIVE"}:
        return Provider("UNKNOWN provider", "")
    return Provider(word.upper(), rest.removesuffix(")") if bracket else "")


def given(summary: Summary) -> str:
    """What `harness report` is given to read the run again: a report does not know where it lies."""
    return "RUN_FOLDER" if summary.exact else "PREFIX"


def headline(summary: Summary, judgement: Judgement) -> str:
    """The judgement's sentence without the word before it and the provider after it.

    Every report shows those two on their own, beside the sentence.
    """
    sentence = judgement.headline.removesuffix(f" · {summary.provider}")
    rest = sentence.removeprefix(f"{overall(judgement)}: ")
    return rest[:1].upper() + rest[1:] if rest != sentence else sentence


def overall(judgement: Judgement) -> str:
    """The one word of the banner; the first that applies of what a reader must know first."""
    words = {criterion.verdict for criterion in judgement.criteria}
    cases = (
        (judgement.exit_code in {ExitCode.BUG, ExitCode.USAGE, ExitCode.UNREACHABLE}, "ERROR"),
        (judgement.exit_code is ExitCode.INTERRUPTED, "INTERRUPTED"),
        (judgement.validity is Validity.INVALID, "INVALID"),
        (Criterion.FAIL in words, "FAIL"),
        (Criterion.NO_DATA in words, "NO DATA"),
        (judgement.exit_code is ExitCode.REGRESSION, "REGRESSION"),
        (Criterion.WARN in words, "WARN"),
        (judgement.exit_code is ExitCode.CRITERIA, "FAIL"),
        (Criterion.PASS in words, "PASS"),
    )
    return next((word for applies, word in cases if applies), "NOT JUDGED")
