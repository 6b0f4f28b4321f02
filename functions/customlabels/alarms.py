"""The metrics that an alarm of the template watches: what needs a person's hand, since no state can mend it."""

from aws_lambda_powertools.metrics import MetricUnit, single_metric

from customlabels.settings import Settings

STOP_FAILED = "StopFailures"  # a model may run, and bill, that should not
RESTART_FAILED = "RestartFailures"  # the live model does not run, though it should


def sound(metric: str, settings: Settings) -> None:
    """Count one for the metric, of this deployment as a whole."""
    deployment = {"service": settings.service}
    with single_metric(metric, MetricUnit.Count, 1, namespace=settings.namespace, default_dimensions=deployment):
        pass
