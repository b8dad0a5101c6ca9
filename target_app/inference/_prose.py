"""What the simulated triage, specialists and moderator write about an assessed case.

Every function takes its judgement from the assessment or the opinions in the prompt; the generator only
chooses between wordings. The keys of the results are the names of the fields that they are meant for.
"""

import random
from typing import Any

from target_app.inference._case import DISPOSITIONS, Opinion
from target_app.inference._clinic import Assessment
from target_app.inference._phrases import (
    DOES,
    SAYS,
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


def triage(assessment: Assessment, rng: random.Random) -> dict[str, Any]:
    """Complexity, the specialists to ask and why."""
    slugs = list(assessment.levels)
    found = spoken(assessment.evidence[:3]) or "nothing specific"
    lead = rng.choice(("Key findings", "Relevant findings", "Noted"))
    lines = [f"{capital(presentation(assessment.case))}. {lead}: {found}."]
    if assessment.complexity == "simple":
        opening = rng.choice(("A focused question for", "One clear problem for"))
        lines.append(f"{opening} {joined([name(slug) for slug in slugs])}.")
    else:
        names = joined([name(slug) for slug in slugs])
        lines.append(f"Several fields are involved: {names}; their findings have to be combined.")
    if assessment.complexity == "complex":
        lines.append(
            f"The picture is far more alarming for {name(slugs[0])} than for {name(slugs[-1])}, so that "
            "they are likely to disagree about the disposition. The findings may have one common cause or "
            "several, and treatment of one may worsen another."
        )
    return {
        "complexity": assessment.complexity,
        "specialists": [{"specialist": slug, "reason": _reason(assessment, slug, rng)} for slug in slugs],
        "red_flags": red_flags(assessment.evidence),
        "rationale": " ".join(lines),
    }


def _reason(assessment: Assessment, slug: str, rng: random.Random) -> str:
    mine = assessment.of(slug)[: 1 if assessment.complexity == "simple" else 2]
    if not mine:
        return "General assessment of the complaint"
    lead = rng.choice(("may mean", "suggests", "points to"))
    return "; ".join(f"{item.text} {lead} {item.means}" for item in mine)


def opinion(assessment: Assessment, slug: str, rng: random.Random) -> dict[str, Any]:
    """One specialist's view, which looks at the alarm in the own field only."""
    mine = assessment.of(slug)
    level = _field_level(assessment, slug)
    if slug == "emergency-medicine" and not mine:
        mine = assessment.evidence
    field = specialties()[slug]["field"]
    view = rng.choice((f"From the {field} side", f"On {field} grounds", f"In {field} terms"))
    text = f"{view}, {presentation(assessment.case)}"
    if mine:
        causes = joined(list(dict.fromkeys(item.means for item in mine[: 1 + level // 2])))
        text += f" raises the question of {causes}."
        if level >= 2:
            text += f" {rng.choice(('Decisive here', 'What counts', 'Most telling'))}: {spoken(mine[:3])}."
    else:
        text += " shows nothing of concern."
    return {
        "assessment": f"{text} {SAYS[level]}",
        "disposition": DISPOSITIONS[level],
        "confidence": round(0.62 + 0.05 * min(len(mine), 4) + 0.12 * rng.random(), 2),
        "findings": [item.text for item in mine[:4]],
        "red_flags": red_flags(mine),
        "recommendations": actions(slug, level)[: 2 if level < 2 else 3],
    }


def _field_level(assessment: Assessment, slug: str) -> int:
    """How alarming the case is for one specialty, 0 to 4; emergency medicine sees the worst of all."""
    if slug == "emergency-medicine" and slug not in assessment.levels:
        return max(assessment.levels.values())
    return assessment.levels.get(slug, 0)


def debate(assessment: Assessment, opinions: tuple[Opinion, ...], rng: random.Random) -> dict[str, Any]:
    """Positions after the arguments. The most alarmed prevails; four steps apart stay unresolved."""
    held = opinions or own_opinions(assessment)
    top, low = max(held, key=lambda item: item.level), min(held, key=lambda item: item.level)
    spread = top.level - low.level
    why = rng.choice(("The disagreement is one of scope", "Both are right in their own field"))
    rationale = (
        f"{title(top.slug)} asks for {DOES[top.level]}, {name(low.slug)} would accept {DOES[low.level]}. "
        f"{why}: {spoken(assessment.of(low.slug)[:2]) or 'the complaint alone'} can wait, while "
        f"{spoken(assessment.of(top.slug)[:2]) or 'the overall picture'} cannot. The more cautious "
        f"disposition does the lesser harm if it proves wrong, so the group settles on {DOES[top.level]}."
    )
    if spread >= 4:
        rationale += f" {title(low.slug)} keeps its reservation, to be looked at again after twelve hours."
    return {
        "disposition": top.disposition,
        "resolved": spread < 4,
        "positions": [
            {
                "specialist": item.slug,
                "disposition": DISPOSITIONS[max(item.level, top.level - 1)],
                "argument": _argument(assessment, item, top, rng),
            }
            for item in held
        ],
        "rationale": rationale,
    }


def _argument(assessment: Assessment, item: Opinion, top: Opinion, rng: random.Random) -> str:
    mine = capital(spoken(assessment.of(item.slug)[:2])) or "The findings in this field"
    if item.level == top.level:
        urgency = rng.choice(("this will not wait", "this can deteriorate within hours"))
        return f"{mine}: {urgency}; {DOES[item.level]} is needed."
    if top.level - item.level >= 2:
        return (
            f"{mine}: alone this would allow {DOES[item.level]}, yet {name(top.slug)} has the stronger case."
        )
    return f"{mine}: at least {DOES[item.level]}, and no objection to more."
