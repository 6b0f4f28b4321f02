"""POST /predictions with what nobody should send: each has its documented answer, none costs much memory.

The model behind it is the Custom Labels service of this repository, so what passes the handler's own checks is
refused by whom it would be on AWS. What API Gateway refuses before the handler is in tests/local/test_api.py.
"""

import base64
import io
import json
import struct
import tracemalloc
import zipfile
import zlib

import numpy as np
import pytest
from customlabels.refusals import CODES
from PIL import Image

from local import openapi
from tests.conftest import TIMES
from tests.images import LABELS, picture
from tests.stack import BUCKET, TABLE, deployed, start
from tests.templates import environment

MIB = 1024 * 1024
PNG = picture("down", 500)
NEW_MEMORY = 48 * MIB  # of one request, whose body may have 6 MB: itself, what it decodes to, and what is sent on


def written(kind, size=(64, 64), **options):
    file = io.BytesIO()
    Image.fromarray(np.random.default_rng(1).integers(0, 255, (size[1], size[0]), np.uint8)).save(
        file, kind, **options
    )
    return file.getvalue()


def chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(width, height, pixels):
    """A PNG that says that it is so large, and holds that compressed data."""
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def zipped():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a.txt", "a" * 1000)
    return file.getvalue()


JPEG = written("JPEG")
GIF = written("GIF")
ZEROS = zlib.compress(bytes(200 * MIB), 9)  # 200 KB that become 200 MB
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="64" height="64"><script>alert(1)</script></svg>'
XXE = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><svg>&e;</svg>'


def event(body, kind="application/json", encoded=False):
    return {
        "headers": {"Content-Type": kind},
        "requestContext": {"requestId": "gateway"},
        "body": body,
        "isBase64Encoded": encoded,
    }


def text(data):
    return base64.b64encode(data).decode()


def binary(data, kind="image/png"):
    """An image's own bytes, as API Gateway passes them on."""
    return event(text(data), kind, encoded=True)


def plain(data):
    return event(data if isinstance(data, str) else text(data), "text/plain")


def fields(**given):
    return event(json.dumps(given))


def asked(**given):
    return fields(image=text(PNG), **given)


def key(value):
    return fields(s3={"key": value})


BAD = {
    # Not an image's base64.
    "base64 with a stray character": (plain(text(PNG) + "!"), "InvalidBase64"),
    "base64 cut short": (plain(text(PNG)[:-3]), "InvalidBase64"),
    "base64 with padding inside": (plain("AA==" + text(PNG)), "InvalidBase64"),
    "base64 of the URL alphabet": (plain(text(PNG) + "-_-_"), "InvalidBase64"),
    "percent signs": (plain("%%%"), "InvalidBase64"),
    "letters beyond ASCII": (plain("ümläut"), "InvalidBase64"),
    "a lone surrogate": (event('{"image": "\\ud800"}'), "InvalidBase64"),
    "a NUL in base64": (fields(image="AAAA\0AAAA"), "InvalidBase64"),
    "a data: prefix without base64": (fields(image="data:image/png," + text(PNG)), "InvalidBase64"),
    "an endless data: prefix": (fields(image="data:image/png" + ";a=b" * 100_000), "InvalidBase64"),
    "an address instead of an image": (fields(image="http://169.254.169.254/latest/meta-data/"), "InvalidBase64"),
    "a file's path instead of an image": (fields(image="../../etc/passwd"), "InvalidBase64"),
    # Not an image.
    "0 bytes as an image": (binary(b""), "InvalidImage"),
    "0 bytes as text": (plain(""), "InvalidImage"),
    "no body at all": (event(None, "text/plain"), "InvalidImage"),
    "0 bytes in a field": (fields(image=""), "InvalidImage"),
    "only white space": (fields(image=" \n\t "), "InvalidImage"),
    "one byte": (binary(b"\x89"), "InvalidImage"),
    "only a PNG's signature": (binary(PNG[:8]), "InvalidImage"),
    "only a JPEG's signature": (binary(JPEG[:3], "image/jpeg"), "InvalidImage"),
    "a PNG cut in its header": (binary(PNG[:20]), "InvalidImage"),
    "a PNG cut in its pixels": (binary(PNG[:60]), "InvalidImage"),
    "a JPEG cut before its frame": (binary(JPEG[:30], "image/jpeg"), "InvalidImage"),
    "a JPEG cut after its frame": (binary(JPEG[: JPEG.index(b"\xff\xc0") + 20], "image/jpeg"), "InvalidImage"),
    "a JPEG without a frame": (binary(b"\xff\xd8\xff\xd9" + bytes(100), "image/jpeg"), "InvalidImage"),
    "a JPEG whose segment has no length": (
        binary(b"\xff\xd8\xff\xe0\0\0" + bytes(90), "image/jpeg"),
        "InvalidImage",
    ),
    "a PNG whose first chunk is another": (binary(PNG[:8] + chunk(b"IDAT", b"") + PNG[8:]), "InvalidImage"),
    "a PNG whose pixels are noise": (binary(png(64, 64, b"noise" * 10)), "InvalidImage"),
    "a GIF": (binary(GIF), "InvalidImage"),
    "a WebP": (binary(written("WEBP")), "InvalidImage"),
    "a BMP": (binary(written("BMP")), "InvalidImage"),
    "a TIFF": (binary(written("TIFF")), "InvalidImage"),
    "an ICO": (binary(written("ICO")), "InvalidImage"),
    "an SVG with a script": (binary(SVG), "InvalidImage"),
    "an XML that reads files": (binary(XXE), "InvalidImage"),
    "a PDF": (binary(b"%PDF-1.7\n" + bytes(200)), "InvalidImage"),
    "a ZIP": (binary(zipped()), "InvalidImage"),
    "a program": (binary(b"\x7fELF" + bytes(200)), "InvalidImage"),
    "a page": (binary(b"<html><body>" + bytes(200)), "InvalidImage"),
    # Of two kinds at once.
    "a GIF with a PNG behind it": (binary(GIF + PNG), "InvalidImage"),
    "a PDF with a PNG inside": (binary(b"%PDF-1.7\n" + PNG), "InvalidImage"),
    "a ZIP with a JPEG behind it": (binary(zipped() + JPEG, "image/jpeg"), "InvalidImage"),
    "a script with a PNG behind it": (binary(b"<script>1</script>" + PNG), "InvalidImage"),
    "a PNG's signature on a GIF": (binary(PNG[:8] + GIF), "InvalidImage"),
    "a PNG's signature on a JPEG": (binary(PNG[:8] + JPEG), "InvalidImage"),
    "a JPEG's signature on a PNG": (binary(b"\xff\xd8\xff" + PNG, "image/jpeg"), "InvalidImage"),
    # Larger than they look, or of no use.
    "a PNG of 50,000 x 50,000 pixels": (binary(png(50_000, 50_000, ZEROS)), "InvalidImage"),
    "a PNG of 2^31 x 2^31 pixels": (binary(png(2**31 - 1, 2**31 - 1, ZEROS)), "InvalidImage"),
    "a PNG of 0 x 0 pixels": (binary(png(0, 0, ZEROS)), "InvalidImage"),
    "a PNG of 4,096 x 4,096 pixels, cut": (binary(png(4096, 4096, ZEROS)[:5000]), "InvalidImage"),
    "a JPEG of 65,535 x 65,535 pixels": (
        binary(b"\xff\xd8\xff\xc0\0\x0b\x08\xff\xff\xff\xff\x01\x01\x11\0" + bytes(50), "image/jpeg"),
        "InvalidImage",
    ),
    "63 pixels": (binary(written("PNG", (63, 64))), "InvalidImage"),
    "4,097 pixels": (binary(written("PNG", (4097, 300))), "InvalidImage"),
    "a strip of 64 x 1,281 pixels": (binary(written("PNG", (64, 1281))), "InvalidImage"),
    # Too large.
    "4 MB + 1 as an image": (binary(PNG + bytes(4 * MIB + 1 - len(PNG))), "ImageTooLarge"),
    "4 MB + 1 as text": (plain(PNG + bytes(4 * MIB + 1 - len(PNG))), "ImageTooLarge"),
    "4 MB + 1 in a field": (fields(image=text(PNG + bytes(4 * MIB + 1 - len(PNG)))), "ImageTooLarge"),
    "6 MB + 1 of base64": (plain("A" * (6 * MIB + 4)), "ImageTooLarge"),
    "6 MB + 1 of white space": (plain(" " * (6 * MIB + 1)), "InvalidImage"),
    # Not JSON, or not of the form.
    "half an object": (event("{"), "InvalidBody"),
    "no JSON": (event("image=1"), "InvalidBody"),
    "an empty body": (event(""), "InvalidBody"),
    "JSON with a comma too much": (event('{"image": "",}'), "InvalidBody"),
    "100,000 lists inside of each other": (event("[" * 100_000), "InvalidBody"),
    "100,000 objects inside of each other": (event('{"image":' * 100_000), "InvalidBody"),
    "a deep value of a field": (event('{"image": ' + "[" * 500 + "]" * 500 + "}"), "InvalidField"),
    "a number of 5,000 digits": (event('{"image": "", "maxResults": ' + "9" * 5000 + "}"), "InvalidBody"),
    "invalid UTF-8": (event(text(b'{"image": "\xff\xfe"}'), encoded=True), "InvalidBody"),
    "UTF-16": (event(text('{"image": ""}'.encode("utf-16")), encoded=True), "InvalidBody"),
    "a list": (event("[]"), "InvalidField"),
    "null": (event("null"), "InvalidField"),
    "a number": (event("7"), "InvalidField"),
    "no field": (fields(), "InvalidField"),
    # Wrong fields and types.
    "an unknown field": (asked(model="other"), "InvalidField"),
    "a prototype": (asked(__proto__={"admin": True}), "InvalidField"),
    "a foreign model": (asked(ProjectVersionArn="arn:aws:rekognition:…"), "InvalidField"),
    "an image that is null": (fields(image=None), "InvalidField"),
    "an image that is a list": (fields(image=[text(PNG)]), "InvalidField"),
    "an image that is an object": (fields(image={"Bytes": text(PNG)}), "InvalidField"),
    "a confidence in text": (asked(minConfidence="50"), "InvalidField"),
    "a confidence below 0": (asked(minConfidence=-0.1), "InvalidField"),
    "a confidence above 100": (asked(minConfidence=100.1), "InvalidField"),
    "a confidence that is true": (asked(minConfidence=True), "InvalidField"),
    "a confidence that is no number": (event('{"image": "", "minConfidence": NaN}'), "InvalidField"),
    "a confidence without end": (event('{"image": "", "minConfidence": 1e999}'), "InvalidField"),
    "no results": (asked(maxResults=0), "InvalidField"),
    "half a result": (asked(maxResults=2.5), "InvalidField"),
    "results without end": (event('{"image": "", "maxResults": 1e999}'), "InvalidField"),
    "results that are no number": (event('{"image": "", "maxResults": NaN}'), "InvalidField"),
    "labels in text": (asked(labels="bolt"), "InvalidField"),
    "no labels": (asked(labels=[]), "InvalidField"),
    "251 labels": (asked(labels=[str(n) for n in range(251)]), "InvalidField"),
    "a label of 256 characters": (asked(labels=["x" * 256]), "InvalidField"),
    "a label without characters": (asked(labels=[""]), "InvalidField"),
    "a label that is a number": (asked(labels=[1]), "InvalidField"),
    "a label that is a list": (asked(labels=[["bolt"]]), "InvalidField"),
    # Keys that lead elsewhere.
    "an image and a key": (asked(s3={"key": "uploads/a.png"}), "InvalidField"),
    "s3 in text": (fields(s3="uploads/a.png"), "InvalidField"),
    "s3 that is null": (fields(s3=None), "InvalidField"),
    "s3 without a key": (fields(s3={}), "InvalidField"),
    "a key that is a number": (key(1), "InvalidField"),
    "an empty key": (key(""), "InvalidField"),
    "a key that is the folder": (key("uploads/"), "InvalidField"),
    "a training image": (key("images/custom-labels/train/down/1.png"), "InvalidField"),
    "a key that climbs": (key("uploads/../images/custom-labels/train/down/1.png"), "InvalidField"),
    "a key that climbs in disguise": (key("uploads/%2e%2e/images/1.png"), "InvalidField"),
    "a key that climbs backwards": (key("uploads\\..\\images\\1.png"), "InvalidField"),
    "a key of dots": (key("uploads/./a.png"), "InvalidField"),
    "a key with two slashes": (key("uploads//a.png"), "InvalidField"),
    "a key with a slash in front": (key("/uploads/a.png"), "InvalidField"),
    "a key with a NUL": (key("uploads/a\0.png"), "InvalidField"),
    "a key with a line's end": (key("uploads/a.png\n"), "InvalidField"),
    "a key of 10,000 characters": (key("uploads/" + "a" * 10_000), "InvalidField"),
    "a foreign bucket": (fields(s3={"bucket": "other", "key": "uploads/a.png"}), "InvalidField"),
    "a foreign bucket as an address": (key("s3://other/uploads/a.png"), "InvalidField"),
    "a foreign bucket as an ARN": (key("arn:aws:s3:::other/uploads/a.png"), "InvalidField"),
    "a version of an object": (fields(s3={"key": "uploads/a.png", "version": "1"}), "InvalidField"),
    "a key that holds nothing": (key("uploads/absent.png"), "ImageNotFound"),
    "an upload of 0 bytes": (key("uploads/empty.png"), "InvalidImage"),
    "an upload that is a GIF": (key("uploads/gif.png"), "InvalidImage"),
    "an upload that is cut": (key("uploads/cut.png"), "InvalidImage"),
    "an upload of 15 MB + 1": (key("uploads/large.png"), "ImageTooLarge"),
    "an upload of 50,000 pixels": (key("uploads/bomb.png"), "InvalidImage"),
    "an upload whose metadata never ends": (key("uploads/endless.jpg"), "InvalidImage"),
    # Other content types.
    "image/gif": (binary(GIF, "image/gif"), "UnsupportedMediaType"),
    "image/svg+xml": (event(SVG.decode(), "image/svg+xml"), "UnsupportedMediaType"),
    "a form": (event("image=1", "application/x-www-form-urlencoded"), "UnsupportedMediaType"),
    "a form with files": (event("--x", "multipart/form-data; boundary=x"), "UnsupportedMediaType"),
    "XML": (event(XXE.decode(), "application/xml"), "UnsupportedMediaType"),
    "no content type": ({**event(text(PNG)), "headers": None}, "UnsupportedMediaType"),
    "a content type without end": (event("", "a" * 100_000), "UnsupportedMediaType"),
    "an image that is not binary": (event("\x89PNG", "image/png"), "InvalidImage"),
}
UPLOADS = {
    "empty.png": b"",
    "gif.png": GIF,
    "cut.png": PNG[:20],
    "large.png": PNG + bytes(15 * MIB + 1 - len(PNG)),
    "bomb.png": png(50_000, 50_000, ZEROS),
    "endless.jpg": b"\xff\xd8" + (b"\xff\xe1\xff\xff" + bytes(65_533)) * 40,
}
ACCEPTED = {
    "4 MB - 1": binary(PNG + bytes(4 * MIB - 1 - len(PNG))),
    "4 MB": binary(PNG + bytes(4 * MIB - len(PNG))),
    "a JPEG that says it is a PNG": binary(JPEG),
    "64 x 1,280 pixels": binary(written("PNG", (64, 1280))),
    "a PNG with a ZIP behind it": binary(PNG + zipped()),
    "an upload of 15 MB": key("uploads/most.png"),
}
RESPONSES = openapi.document()["paths"]["/predictions"]["post"]["responses"]


@pytest.fixture(scope="module")
def predict():
    """The function with a live model behind it."""
    with deployed(TIMES) as stack:
        train, test = stack.put("train", range(8)), stack.put("test", range(100, 103))
        given = {"training": {"folder": train}, "testing": {"folder": test}, "gate": {"minimum": 0.6}}
        assert stack.run(given).status == "SUCCEEDED"
        for name, data in {**UPLOADS, "most.png": PNG + bytes(15 * MIB - len(PNG))}.items():
            stack.s3.put_object(Bucket=BUCKET, Key=f"uploads/{name}", Body=data)
        variables = environment("inference.yaml", "Predict", {"StateTableName": TABLE, "DataBucketName": BUCKET})
        predict = start("predict", variables)
        assert predict.handler(ACCEPTED["a JPEG that says it is a PNG"], None)["statusCode"] == 200  # warm
        yield predict


def test_the_table_is_long_enough():
    assert len(BAD) >= 60


@pytest.mark.parametrize("name", BAD)
def test_a_bad_request_has_its_documented_answer(predict, capsys, name):
    given, code = BAD[name]
    tracemalloc.start()
    try:
        answer = predict.handler(given, None)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    body = json.loads(answer["body"])
    assert (body["code"], answer["statusCode"]) == (code, CODES[code].status), body
    assert body.keys() == {"code", "message"}
    assert body["message"].endswith(".")
    assert len(body["message"]) < 500
    examples = RESPONSES[str(answer["statusCode"])]["content"]["application/json"]["examples"]
    assert code in examples, "it is documented"
    assert answer["headers"]["Content-Type"] == "application/json"
    assert answer["headers"]["X-Request-Id"] == "gateway"
    assert most < NEW_MEMORY
    said = capsys.readouterr().out
    assert len(said) < 2000, "no image is in the log"


@pytest.mark.parametrize("name", ACCEPTED)
def test_what_is_just_within_the_limits_is_answered(predict, name):
    answer = predict.handler(ACCEPTED[name], None)
    assert answer["statusCode"] == 200, answer
    assert {one["Name"] for one in json.loads(answer["body"])["Predictions"]} <= set(LABELS)
