"""Writes functions/openapi.json from the code: `python -m local.openapi`, or `--check` to compare only.

The routes of api.py come from Powertools; POST /predictions, which no library serves, from the limits and codes
that its own checks use.
"""

import argparse
import json
import os
import sys
from typing import Any
from unittest import mock

from local.cloud import ROOT

FUNCTIONS = ROOT / "functions"
sys.path.insert(0, str(FUNCTIONS))  # what ships stands there by itself, and is no package of the repository

from customlabels import requests, uploads  # noqa: E402
from customlabels.preflight.rules import ASPECT, LABEL_CHARACTERS, LABELS, SIDE_MAXIMUM, SIDE_MINIMUM  # noqa: E402
from customlabels.refusals import CODES  # noqa: E402
from customlabels.routes import KEYED  # noqa: E402

DOCUMENT = FUNCTIONS / "openapi.json"
VERSION = "1.0.0"
TEXT = {"type": "string"}
PICTURE = (  # a PNG of 64 x 64 pixels with stripes
    "iVBORw0KGgoAAAANSUhEUgAAAEAAAABACAAAAACPAi4CAAAALUlEQVR42u3MoREAAAgDse6/NJhOgOTy7k2SNu36AAAAAAAA"
    "AAAAAAAAAN4CC/m++GqqxxCFAAAAAElFTkSuQmCC"
)
REQUEST_ID = {
    "name": "X-Request-Id",
    "in": "header",
    "required": False,
    "description": "Comes back in the answer and stands in the logs, if it is 1 to 128 of A-Z a-z 0-9 . _ -",
    "schema": TEXT,
    "example": "order-4711",
}
HEADERS: dict[str, Any] = {
    "X-Request-Id": {"description": "The client's X-Request-Id, or the one that it was given.", "schema": TEXT}
}
RETRY = {"description": "Seconds after which to try again.", "schema": {"type": "string", "pattern": "^[0-9]+$"}}
LIMITED = (429, 503, 504)  # the statuses that say when to try again
PREDICTION_CODES = (
    *("InvalidBody", "InvalidBase64", "InvalidImage", "ImageNotFound", "ImageTooLarge", "UnsupportedMediaType"),
    *("InvalidField", "ModelNotRunning", "ModelStarting", *KEYED),
)


def document() -> dict[str, Any]:
    """The whole document, as OpenAPI 3.1."""
    made = _of_the_resolver()
    paths = {"/predictions": {"post": _predictions()}, **made["paths"]}
    for path in paths.values():
        for operation in path.values():
            codes = operation.pop("x-codes")
            success = {status: of for status, of in operation["responses"].items() if status.startswith("2")}
            for response in success.values():
                response["headers"] = HEADERS
            operation["responses"] = {**success, **errors(codes)}
            operation["parameters"] = [REQUEST_ID]
            operation["security"] = [{"api_key": []}] if "Forbidden" in codes else []
    schemas = {**made["components"]["schemas"], **_schemas()}
    for unused in ("HTTPValidationError", "ResponseValidationError", "ValidationError"):
        schemas.pop(unused, None)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Custom Labels",
            "version": VERSION,
            "description": "Predictions of the live Amazon Rekognition Custom Labels model of a project. "
            "Every error is an object of a stable code and a sentence.",
        },
        "servers": [{"url": ".", "description": "Where this document is served from"}],
        "paths": paths,
        "components": {
            "schemas": dict(sorted(schemas.items())),
            "securitySchemes": {"api_key": {"type": "apiKey", "name": "x-api-key", "in": "header"}},
        },
    }


def _of_the_resolver() -> dict[str, Any]:
    """What Powertools says of the routes of api.py, which reads its environment when it is imported."""
    names = ("PROJECT", "STATE_TABLE", "DATA_BUCKET", "CORS_ORIGIN")
    told = {
        "LOW_CONFIDENCE": "50",
        "FEEDBACK_PER_DAY": "1",
        "FEEDBACK_DAYS": "1",
        "INFERENCE_PRICE": "0",
        "POWERTOOLS_SERVICE_NAME": "api",
        "POWERTOOLS_METRICS_NAMESPACE": "CustomLabels",
    }
    with mock.patch.dict(os.environ, {**dict.fromkeys(names, "custom-labels"), **told}):
        import api

        text = api.app.get_openapi_json_schema(title="", version="", openapi_version="3.1.0")
    made: dict[str, Any] = json.loads(text)
    made["paths"]["/openapi.json"]["get"]["responses"]["200"]["content"]["application/json"]["schema"] = {
        "type": "object"
    }
    return made


def errors(codes: list[str]) -> dict[str, Any]:
    """The responses, by status, that answer with these codes."""
    found: dict[int, list[str]] = {}
    for code, of in CODES.items():
        if code in codes:
            found.setdefault(of.status, []).append(code)
    return {str(status): _error(status, of) for status, of in sorted(found.items())}


def _error(status: int, codes: list[str]) -> dict[str, Any]:
    examples = {code: {"value": {"code": code, "message": _sentence(CODES[code].when)}} for code in codes}
    content: dict[str, Any] = {"application/json": {"schema": _ref("Error"), "examples": examples}}
    if status == 413:  # beyond 10 MB the gateway refuses in a form that nobody can change
        content["text/plain"] = {"schema": TEXT, "example": "HTTP content length exceeded 10485760 bytes."}
    return {
        "description": "; ".join(f"`{code}`: {CODES[code].when}" for code in codes),
        "headers": {**HEADERS, "Retry-After": RETRY} if status in LIMITED else HEADERS,
        "content": content,
    }


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."


def _predictions() -> dict[str, Any]:
    binary = {"schema": {"type": "string", "format": "binary"}}
    asked = {"oneOf": [_ref("ImageRequest"), _ref("UploadedRequest")]}
    return {
        "summary": "The live model's labels for one image",
        "description": f"The image is a PNG or a JPEG of {SIDE_MINIMUM} to {SIDE_MAXIMUM} pixels a side, one side "
        f"at the most {ASPECT} times the other, of at most {requests.LARGEST_IMAGE} bytes in a request.",
        "operationId": "predict",
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "schema": asked,
                    "examples": {
                        "image": {"value": {"image": PICTURE, "minConfidence": 50, "maxResults": 10}},
                        "someLabels": {"value": {"image": PICTURE, "labels": ["bolt", "nut"]}},
                        "uploaded": {"value": {"s3": {"key": "uploads/5f0c1f3e9b7d4f6a8c2e1d0b9a8f7e6d.jpg"}}},
                    },
                },
                "text/plain": {"schema": {**TEXT, "contentEncoding": "base64"}, "example": PICTURE},
                **dict.fromkeys(requests.IMAGE_TYPES, binary),
            },
        },
        "responses": {
            "200": {
                "description": "The labels, most confident first",
                "content": {"application/json": {"schema": _ref("Predictions"), "examples": _EXAMPLES}},
            }
        },
        "x-codes": list(PREDICTION_CODES),
    }


_BOX = {"Left": 0.25, "Top": 0.5, "Width": 0.125, "Height": 0.1}
_PIXELS = {"Left": 160, "Top": 240, "Width": 80, "Height": 48}
_EXAMPLES = {
    "image-level": {
        "value": {"Predictions": [{"Name": "bolt", "Confidence": 98.1}], "Model": "run-2026-11-22-101500"}
    },
    "boxes": {
        "value": {
            "Predictions": [
                {"Name": "bolt", "Confidence": 98.1, "Geometry": {"BoundingBox": _BOX, "Pixels": _PIXELS}}
            ],
            "Model": "run-2026-11-22-101500",
        }
    },
}


def _ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


def _object(required: tuple[str, ...], properties: dict[str, Any], description: str) -> dict[str, Any]:
    return {
        "type": "object",
        "description": description,
        "required": list(required),
        "properties": properties,
        "additionalProperties": False,
    }


def _schemas() -> dict[str, Any]:
    """The schemas of POST /predictions."""
    name = {"type": "string", "minLength": 1, "maxLength": LABEL_CHARACTERS}
    asked = {
        "labels": {
            "type": ["array", "null"],
            "items": name,
            "minItems": 1,
            "maxItems": LABELS,
            "description": "Answer with these labels only.",
        },
        "minConfidence": {
            "type": ["number", "null"],
            "minimum": 0,
            "maximum": 100,
            "description": "Percent; without it each label's own threshold holds.",
        },
        "maxResults": {"type": ["integer", "null"], "minimum": 1, "maximum": requests.MOST_RESULTS},
    }
    image = {**TEXT, "contentEncoding": "base64", "description": "Base64; a data: prefix is accepted."}
    key = {
        "type": "string",
        "maxLength": uploads.KEY_CHARACTERS,
        "pattern": f"^{uploads.KEY.pattern}$",
        "description": "The key that POST /uploads gave.",
    }
    ratio = {"type": "number", "description": "Of the image's side; below 0 or above 1 at its edges."}
    pixel = {"type": "integer", "minimum": 0, "description": "Pixels of the stored image, within it."}
    sides = ("Left", "Top", "Width", "Height")
    geometry = {
        "BoundingBox": _object(sides, dict.fromkeys(sides, ratio), "The box in ratios"),
        "Pixels": _object(sides, dict.fromkeys(sides, pixel), "The box in pixels"),
    }
    error = {
        "code": {"type": "string", "enum": list(CODES), "description": "What a program may act on."},
        "message": {"type": "string", "description": "A sentence that says what was wrong."},
    }
    return {
        "Error": _object(("code", "message"), error, "Why a request was refused"),
        "ImageRequest": _object(("image",), {"image": image, **asked}, "An image in the request"),
        "UploadedRequest": _object(
            ("s3",), {"s3": _object(("key",), {"key": key}, "In the data bucket"), **asked}, "An uploaded image"
        ),
        "Geometry": _object(("BoundingBox", "Pixels"), geometry, "Where it is, of a model that finds objects"),
        "Prediction": _object(
            ("Name", "Confidence"),
            {
                "Name": name,
                "Confidence": {"type": "number", "minimum": 0, "maximum": 100},
                "Geometry": _ref("Geometry"),
            },
            "A label",
        ),
        "Predictions": _object(
            ("Predictions", "Model"),
            {
                "Predictions": {"type": "array", "items": _ref("Prediction")},
                "Model": {"type": "string", "description": "Name of the version that answered."},
            },
            "What the model says",
        ),
    }


def written() -> str:
    """The file's text."""
    return json.dumps(document(), indent=2, ensure_ascii=False) + "\n"


def main(arguments: list[str] | None = None) -> int:
    """Write the file, or with --check tell by 1 that it is not what the code says."""
    parser = argparse.ArgumentParser(prog="python -m local.openapi", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail if the file is out of date")
    check = parser.parse_args(arguments).check
    text = written()
    if DOCUMENT.exists() and DOCUMENT.read_text() == text:
        return 0
    if check:
        sys.stderr.write(f"{DOCUMENT.relative_to(ROOT)} is out of date: run python -m local.openapi.\n")
        return 1
    DOCUMENT.write_text(text)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
