"""What helps a load generator that cannot keep up: more of it, or cores of its own."""

from harness.runs import Manifest
from harness.verdicts._limits import ADD_A_WORKER

#: On so few cores, what else runs there is soon in the way.
_FEW_CPUS = 4
_MACHINE_BUSY_PERCENT = 80.0


def relief(manifest: Manifest, machine_percent: float | None) -> str:
    """A worker more; or, where the machine has no CPU left for one, another place for the target.

    `machine_percent` is how busy all CPUs of the workers' machine were, None where it is not known.
    """
    if machine_percent is None:
        return "use more workers, or put them on another machine than the target"
    if machine_percent < _MACHINE_BUSY_PERCENT:
        return ADD_A_WORKER
    cpus, busy = manifest.host.cpus, f"{machine_percent:.0f} % busy"
    if manifest.target_is_here and cpus <= _FEW_CPUS:
        shared = f"{cpus} cores, which were" if cpus > 1 else "one core, which was"
        return f"the target and the generator share {shared} {busy}: give the target a machine of its own"
    return f"the workers' machine was {busy}: stop what else runs there, or use more machines"
