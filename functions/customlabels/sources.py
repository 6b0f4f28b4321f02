"""Where a dataset's images come from, as the input names it."""

from typing import Any, NamedTuple

from customlabels.errors import InvalidInput
from customlabels.exports import KINDS as EXPORTS
from customlabels.exports import parse_export
from customlabels.locations import parse_uri
from customlabels.names import DATASET_ARN
from customlabels.preflight.findings import quoted

KINDS = ("folder", "manifest", "dataset", *EXPORTS)


class Source(NamedTuple):
    """One source: `kind` is the key that the input used, `value` its URI, ARN or word.

    `folder` is where the images lie that the file of another tool names.
    """

    kind: str
    value: str
    folder: str = ""


def parse_source(key: str, value: Any, *, testing: bool) -> Source:
    """The one source that `value` names; InvalidInput says which `key` of the input is wrong and why."""
    kinds = (*KINDS, "split") if testing else KINDS
    if not isinstance(value, dict) or len(value) != 1 or next(iter(value)) not in kinds:
        raise InvalidInput(f"{key} is {quoted(value)}; accepted is an object with one of {', '.join(kinds)}.")
    kind, text = next(iter(value.items()))
    where = f"{key}.{kind}"
    if kind == "split":
        if text != "auto":
            raise InvalidInput(f"{where} is {quoted(text)}; accepted is 'auto'.")
        return Source(kind, text)
    if kind in EXPORTS:
        return Source(*parse_export(where, kind, text))
    if not isinstance(text, str):
        raise InvalidInput(f"{where} is {quoted(text)}; accepted is a text.")
    if kind == "dataset":
        if not DATASET_ARN.fullmatch(text):
            raise InvalidInput(f"{where} is {quoted(text)}; accepted is the ARN of a Custom Labels dataset.")
        return Source(kind, text)
    return Source(kind, address_of(where, text, folder=kind == "folder"))


def default_source(parameter: str, text: str, *, project: str, bucket: str, testing: bool) -> dict[str, str]:
    """The source that a deploy-time default names: `auto`, an s3:// folder, or a prefix in the data bucket."""
    if testing and text == "auto":
        return {"split": "auto"}
    address = text.replace("{project}", project)
    if not address.startswith("s3://"):
        address = f"s3://{bucket}/{address}"
    return {"folder": address_of(f"the parameter {parameter}", address, folder=True)}


def address_of(where: str, text: str, *, folder: bool) -> str:
    """The address of a folder, with a closing slash, or of an object; InvalidInput says which `where` is wrong."""
    try:
        location = parse_uri(text)
        if not (folder or location.key.strip("/")) or (location.key.endswith("/") and not folder):
            raise ValueError(text)
    except ValueError:
        raise InvalidInput(
            f"{where} is {quoted(text)}; accepted is s3://bucket/{'folder/' if folder else 'key'}."
        ) from None
    if folder:
        return location.uri if location.uri.endswith("/") else location.uri + "/"
    return location.uri
