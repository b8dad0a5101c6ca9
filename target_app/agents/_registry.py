"""The ten specialists and what each looks for."""

from dataclasses import dataclass

from target_app.agents._schemas import Slug


@dataclass(slots=True, frozen=True)
class Specialist:
    """A specialty: its slug and the questions it answers."""

    slug: Slug
    focus: str


SPECIALISTS: dict[Slug, Specialist] = {
    slug: Specialist(slug, focus)
    for slug, focus in {
        Slug.CARDIOLOGY: "heart rate and rhythm, blood pressure, chest pain, cardiac markers, heart failure",
        Slug.PULMONOLOGY: "breathing, oxygen saturation, cough, airway disease, pulmonary embolism",
        Slug.NEUROLOGY: "headache, weakness, speech, consciousness, seizures, stroke",
        Slug.ENDOCRINOLOGY: "glucose, ketones, thyroid and adrenal function, calcium",
        Slug.NEPHROLOGY: "creatinine, urine output, potassium, sodium, acid-base and fluid balance",
        Slug.GASTROENTEROLOGY: "abdominal pain, bleeding, vomiting, liver enzymes, bilirubin, lipase",
        Slug.INFECTIOUS_DISEASE: "fever, white cells, cultures, lactate, exposure, sepsis",
        Slug.HAEMATOLOGY: "haemoglobin, platelets, clotting, bleeding, thrombosis",
        Slug.PSYCHIATRY: "mood, thought, risk of harm, substance use, delirium against psychosis",
        Slug.EMERGENCY_MEDICINE: "immediate threats to life, trauma, poisoning, what cannot wait",
    }.items()
}
