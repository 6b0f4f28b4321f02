"""Rekognition's custom labels as the API answers them: those that were asked for, boxes also in pixels."""

from typing import Any

from customlabels.preflight.headers import Header


def shape(
    found: list[dict[str, Any]], size: Header, labels: frozenset[str] | None, most: int | None
) -> list[dict[str, Any]]:
    """At the most `most` of `labels` (None: all), most confident first as they came; `found` is left as it is."""
    asked = [one for one in found if labels is None or one["Name"] in labels]
    return [_with_pixels(one, size) if "Geometry" in one else one for one in asked[:most]]


def confidence(predictions: list[dict[str, Any]]) -> float:
    """Of the likeliest label, 0 to 100; 0 without any."""
    return max((float(one["Confidence"]) for one in predictions), default=0.0)


def pixels(box: dict[str, float], width: int, height: int) -> dict[str, int]:
    """A box of ratios in whole pixels, cut where it reaches beyond the image, which ratios may."""
    left, right = (_within(edge * width, width) for edge in (box["Left"], box["Left"] + box["Width"]))
    top, bottom = (_within(edge * height, height) for edge in (box["Top"], box["Top"] + box["Height"]))
    return {"Left": left, "Top": top, "Width": right - left, "Height": bottom - top}


def _within(edge: float, most: int) -> int:
    return min(max(round(edge), 0), most)


def _with_pixels(one: dict[str, Any], size: Header) -> dict[str, Any]:
    geometry = one["Geometry"]
    boxes = {"BoundingBox": geometry["BoundingBox"]}
    return {**one, "Geometry": {**boxes, "Pixels": pixels(geometry["BoundingBox"], size.width, size.height)}}
