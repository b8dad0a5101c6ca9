"""What the simulated attending physician writes: the conclusion from opinions and debate.

The report grows with the case: a simple one gets the views, a plan and advice; a moderate one also how the
findings belong together; a complex one also the disagreement, the order of treatment and what is watched.
"""

import random
from typing import Any

from target_app.inference._case import DISPOSITIONS, Debate, Opinion
from target_app.inference._clinic import Assessment
from target_app.inference._phrases import (
    DOES,
    actions,
    capital,
    joined,
    name,
    own_opinions,
    presentation,
    red_flags,
    specialties,
    spoken,
    title,
)

_MOST_ITEMS = {"simple": 3, "moderate": 6, "complex": 8}


def synthesis(
    assessment: Assessment, opinions: tuple[Opinion, ...], outcome: Debate | None, rng: random.Random
) -> dict[str, Any]:
    """The conclusion, by field name. The debate's disposition wins over the most alarmed opinion's."""
    held = opinions or own_opinions(assessment)
    level = max(item.level for item in held)
    if outcome and outcome.disposition in DISPOSITIONS:
        level = DISPOSITIONS.index(outcome.disposition)
    most = _MOST_ITEMS[assessment.complexity]
    wanted = [action for item in held for action in actions(item.slug, item.level)]
    apart = sum(abs(item.level - level) for item in held) / len(held)
    return {
        "summary": "\n\n".join(_paragraphs(assessment, held, outcome, level, rng)),
        "disposition": DISPOSITIONS[level],
        "findings": [item.text for item in assessment.evidence[:most]],
        "recommendations": list(dict.fromkeys(wanted))[:most],
        "red_flags": red_flags(assessment.evidence),
        "agreement": round(1.0 - apart / 4, 2),
    }


def _paragraphs(
    assessment: Assessment,
    held: tuple[Opinion, ...],
    outcome: Debate | None,
    level: int,
    rng: random.Random,
) -> list[str]:
    text = [_opening(assessment, rng), _views(held, rng)]
    if assessment.complexity != "simple":
        text.append(_interpretation(assessment))
    text.append(_plan(assessment, held))
    if outcome or assessment.complexity == "complex":
        text += [_weighing(held, outcome), _order(assessment, held, level), _watch(assessment, held)]
    else:
        if assessment.complexity == "moderate":
            text.append(_together(assessment, held))
        text.append(_advice(level, rng))
    text.append(_closing(held, level, rng))
    return text


def _opening(assessment: Assessment, rng: random.Random) -> str:
    text = f"{capital(presentation(assessment.case))}."
    if assessment.case.history:
        text += f" {rng.choice(('Background', 'Past history'))}: {_listed(assessment.case.history)}."
    found = spoken(assessment.evidence[:4])
    lead = rng.choice(("Key findings", "Relevant findings", "Noted"))
    return f"{text} {lead}: {found}." if found else f"{text} No specific finding is reported."


def _views(held: tuple[Opinion, ...], rng: random.Random) -> str:
    """Each opinion; from the fourth on only what it asks for, as a report would."""
    verb = rng.choice(("advises", "favours", "recommends"))
    views = [
        f"{title(item.slug)} {verb} {DOES[item.level]} (confidence {item.confidence:.2f}): "
        f"{item.assessment or 'no reasons were given.'}"
        for item in held[:3]
    ]
    views += [f"{title(item.slug)} {verb} {DOES[item.level]}." for item in held[3:]]
    return " ".join(views)


def _interpretation(assessment: Assessment) -> str:
    items = [item for item in assessment.evidence if item.level][:5]
    told = "; ".join(f"{item.text} points to {item.means}" for item in items)
    return f"Taken together, {told}." if told else "No finding stands out."


def _plan(assessment: Assessment, held: tuple[Opinion, ...]) -> str:
    parts = []
    for item in held[:4]:
        wanted = [action[0].lower() + action[1:] for action in actions(item.slug, item.level)[:2]]
        parts.append(f"for {name(item.slug)}, {joined(wanted)}")
    text = f"Plan by field: {'; '.join(parts)}."
    if assessment.case.medications:
        text += f" The present medication ({_listed(assessment.case.medications)}) is reviewed for its part."
    return text


def _together(assessment: Assessment, held: tuple[Opinion, ...]) -> str:
    first, *others = [name(item.slug) for item in held]
    rest = joined(others) or "the family physician"
    return (
        f"The fields depend on each other: {first} leads, {rest} is told of every change on the same day, "
        f"and neither starts a treatment that the other has not seen. {capital(_measured(assessment))} are "
        "measured again in six hours and in the morning. If they improve, the next step down is taken "
        "together; if one of them worsens, the plan is discussed again at once and the level of care goes "
        "up rather than down. A result that is still pending is followed up by name, with a note of who "
        "asked for it and what it would change."
    )


def _advice(level: int, rng: random.Random) -> str:
    told = rng.choice(("The patient is told", "We explain"))
    after = "A review in one to two weeks" if level < 2 else "A review within three days of leaving"
    return (
        f"{told} what was found and what was not, what the plan is, and whom to call at night. {after} "
        "checks that the complaint has settled; if it has not, the question is opened again with further "
        "tests, and the family physician receives this report with the results."
    )


def _weighing(held: tuple[Opinion, ...], outcome: Debate | None) -> str:
    levels = [item.level for item in held]
    calm = joined([name(item.slug) for item in held if item.level == min(levels)])
    alarmed = joined([name(item.slug) for item in held if item.level == max(levels)])
    text = f"The opinions range from {DOES[min(levels)]} ({calm}) to {DOES[max(levels)]} ({alarmed})."
    if outcome:
        how = "settled this" if outcome.resolved else "did not fully settle this"
        text += f" The debate {how}: {outcome.rationale.partition('. ')[2] or outcome.rationale}"
    return text


def _order(assessment: Assessment, held: tuple[Opinion, ...], level: int) -> str:
    first, *later = sorted(held, key=lambda item: -item.level)
    worst = spoken(assessment.of(first.slug)[:2]) or "the leading problem"
    rest = joined([name(item.slug) for item in later]) or "the remaining questions"
    return (
        f"Order of treatment: first {worst}, under {name(first.slug)}, within the hour; {rest} follow once "
        f"the patient is stable. One team leads in {DOES[level]}, and every change of treatment is agreed "
        "with it, since correction of one problem may unmask or worsen another."
    )


def _watch(assessment: Assessment, held: tuple[Opinion, ...]) -> str:
    signs = [specialties()[item.slug]["return_if"] for item in held[:3] if item.slug in specialties()]
    return (
        f"Monitoring: {_measured(assessment)} are measured again at two, six and twelve hours. The team is "
        f"called if {' or if '.join(signs) or 'anything changes'}. Should the values move the wrong way at "
        "two checks, the level of care is raised without waiting for the next round; if all of them "
        "improve for a day, the disposition is reviewed downwards. The handover names the leading team, "
        "the pending results and who acts on them."
    )


def _closing(held: tuple[Opinion, ...], level: int, rng: random.Random) -> str:
    opening = rng.choice(("Conclusion", "Disposition", "Overall"))
    sign = specialties().get(held[0].slug, {}).get("return_if", "the condition worsens")
    who = "The patient returns at once" if level < 2 else "The team is alerted at once"
    return f"{opening}: {DOES[level]}. {who} if {sign}."


def _measured(assessment: Assessment) -> str:
    values = [item.text.rpartition(" (")[0] for item in assessment.evidence if item.text.endswith(")")][:4]
    return joined(values) if len(values) > 1 else "the vital signs"


def _listed(text: str) -> str:
    return text.replace("; ", ", ")
