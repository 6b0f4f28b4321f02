"""What waiting for a training costs, beside AWS's published sample."""

from tests.proof.gather import Table, noted, reports


def report() -> Table | None:
    """Events, billed transitions and delays by the training's duration; None where they were not measured."""
    from bench.transitions import Waiting, rows  # which imports tests.conftest

    pairs = []
    for figures in noted("waiting"):
        ours, theirs = (
            Waiting(int(hours), int(events), int(transitions), float(mean), int(worst))
            for hours, events, transitions, mean, worst in (figures[:5], figures[5:])
        )
        pairs.append((ours, theirs))
    pairs.sort(key=lambda pair: pair[0].hours)
    return Table("waiting for a training: ours / AWS's sample", rows(pairs)) if pairs else None


reports.append(report)
