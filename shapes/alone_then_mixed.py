"""Each user class alone, one after the other, then all together, to see what they cost each other.

    locust -f locustfiles/end_to_end.py,shapes/alone_then_mixed.py --headless --mixed-users 20

Steps are named after a class's `category` where it has one, else after the class: `alone-simple`, and
`mixed` at the end. A class with a `fixed_count` comes first, by itself, and not in the mix.
"""

from typing import Any

from locust import User

from harness.schedule import ALONE_THEN_MIXED, Course, Steps, alone_then_mixed
from shapes._base import PlannedShape, add_options

add_options(ALONE_THEN_MIXED)


class AloneThenMixed(PlannedShape):
    """Each user class alone for 45 s in its share of 20 users, then 20 users together for 90 s."""

    spec = ALONE_THEN_MIXED
    load_options = ALONE_THEN_MIXED.option_names
    step_name: str | None = None

    def schedule(self) -> Steps:
        """The plan for the user classes of this test. Raises ValueError on what cannot be run."""
        first, mixed = self._kinds()
        return alone_then_mixed(
            [each.weight for each in mixed], self.options, [each.fixed_count for each in first]
        )

    def tick(self) -> Any:
        """What Locust should be running now, and of which classes; None ends the test."""
        target = super().tick()
        if target is None:
            return None
        self.step_name = self._name()
        return (*target, self._classes())

    def _kinds(self) -> tuple[list[type[User]], list[type[User]]]:
        classes = self._environment.user_classes
        return (
            [each for each in classes if each.fixed_count],
            [each for each in classes if not each.fixed_count],
        )

    def _index(self) -> int:
        course: Course | None = self._course
        return 0 if course is None else course.index

    def _classes(self) -> list[type[User]]:
        """Of the step that lasts; in a pause, of the one that comes."""
        first, mixed = self._kinds()
        kinds = [*first, *mixed]
        place = (self._index() + 1) // 2
        return [kinds[place]] if place < len(kinds) else mixed

    def _name(self) -> str | None:
        if self._index() % 2:
            return None
        classes = self._classes()
        if len(classes) > 1:
            return "mixed"
        return f"alone-{getattr(classes[0], 'category', None) or classes[0].__name__}"
