"""DetectCustomLabels."""

from typing import Any

from botocore.exceptions import ClientError

from local.rekognition.datasets import s3_object
from local.rekognition.engine import Call, Operation
from local.rekognition.errors import (
    ImageTooLarge,
    InvalidImageFormat,
    InvalidParameter,
    InvalidS3Object,
    ResourceNotReady,
    by_code,
)
from local.rekognition.gathering import limits
from local.rekognition.tasks import Found, ImageFault, Share


def detect_custom_labels(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Labels of an image, best first, with confidences 0 to 100; of a model for boxes, objects with their place.

    Without MinConfidence each label is kept by its own threshold, with it all by that one. Raises ResourceNotReady
    unless the model is RUNNING, ProvisionedThroughputExceeded above what its units can do, and an image's own
    errors for bytes or an S3 object that are no good image.
    """
    with call.space() as space:
        _, version = space.version(request["ProjectVersionArn"])
        if version.status != "RUNNING" or version.training is None or version.training.model is None:
            raise ResourceNotReady(f"The model is {version.status}, not RUNNING.")
        model, thresholds = version.training.model, version.training.thresholds
        units = version.max_units or version.min_units or 1
    settings = call.settings
    call.engine.throttle(call.account, call.region, version.arn, settings.detections_per_unit * units)
    if place := request["Image"].get("S3Object"):
        call.engine.detected(f"s3://{place.get('Bucket')}/{place.get('Name')}")
    data = _image(call, request["Image"])
    try:
        found: list[Found] = call.engine.detection.call(
            "local.rekognition.learning:detect", model, data, limits(settings), settings.models_in_memory
        )
    except ImageFault as fault:
        raise _error(call, fault) from None
    minimum = request.get("MinConfidence")
    kept = [
        {"Name": one.label, "Confidence": one.score * 100, **_geometry(one.box)}
        for one in found
        if _reaches(call, one.score * 100, thresholds[one.label] * 100 if minimum is None else minimum)
    ]
    most = request.get("MaxResults")
    if most is not None and not (most == 0 and settings.zero_results_means_all):
        kept = kept[:most]
    return {"CustomLabels": kept}


def _geometry(box: Share | None) -> dict[str, Any]:
    if box is None:
        return {}
    left, top, right, bottom = box
    return {"Geometry": {"BoundingBox": {"Width": right - left, "Height": bottom - top, "Left": left, "Top": top}}}


def _reaches(call: Call, confidence: float, minimum: float) -> bool:
    return confidence >= minimum if call.settings.minimum_confidence_inclusive else confidence > minimum


def _image(call: Call, image: dict[str, Any]) -> bytes:
    data: bytes | None = image.get("Bytes")
    given = image.get("S3Object")
    if (data is None) == (given is None):
        raise InvalidParameter("Image needs exactly one of Bytes and S3Object.")
    if data is not None:
        if len(data) > call.settings.image_bytes:
            raise ImageTooLarge(f"The image is {len(data)} bytes; {call.settings.image_bytes} are allowed.")
        return data
    try:
        answer = call.engine.s3.get_object(**s3_object(given))
    except ClientError:
        raise InvalidS3Object() from None
    with answer["Body"] as body:
        if answer["ContentLength"] > call.settings.image_s3_bytes:
            raise ImageTooLarge(
                f"The image is {answer['ContentLength']} bytes; {call.settings.image_s3_bytes} are allowed."
            )
        return body.read()


def _error(call: Call, fault: ImageFault) -> Exception:
    if fault.kind == "side":
        return by_code(call.settings.image_side_error, fault.message)
    if fault.kind == "shape":
        return by_code(call.settings.image_shape_error, fault.message)
    return InvalidImageFormat(fault.message)


OPERATIONS: dict[str, Operation] = {"DetectCustomLabels": detect_custom_labels}
