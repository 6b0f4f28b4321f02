"""Which versions of a project are kept, so that it never reaches its quota of them."""

from collections.abc import Collection, Sequence

# What may be deleted: neither trained, copied, started or stopped at this moment, nor running.
IDLE = ("TRAINING_COMPLETED", "TRAINING_FAILED", "COPYING_COMPLETED", "COPYING_FAILED", "STOPPED", "FAILED")


def to_prune(versions: Sequence[tuple[str, str]], keep: int, protected: Collection[str]) -> list[str]:
    """The oldest versions beyond `keep`, oldest first; never one that is in use or in `protected`.

    `versions` are (name or ARN, status), newest first, without those that are being deleted.
    """
    excess = len(versions) - keep
    idle = [one for one, status in reversed(versions) if status in IDLE and one not in protected]
    return idle[: max(excess, 0)]
