"""Where an image lies that a file of another tool names."""

import posixpath

from customlabels.locations import parse_uri
from customlabels.preflight.findings import quoted


def folder_of(uri: str) -> str:
    """The s3:// folder that a file lies in, with its last slash."""
    return uri.rpartition("/")[0] + "/"


def resolve(folder: str, name: str) -> str:
    """The s3:// address of an image: `name` as it is, or relative to `folder`; ValueError for any other."""
    if name.startswith("s3://"):
        if not parse_uri(name).key:
            raise ValueError(f"{quoted(name)} names no object")
        return name
    accepted = f"accepted is s3://bucket/key or a path below {folder}"
    if "://" in name or name.startswith("/") or not name.strip():
        raise ValueError(f"the image is {quoted(name)}; {accepted}")
    # S3 knows no `..`, which exports of tools that run beside the images contain.
    path = parse_uri(folder).key + name
    if {".", ".."} & set(path.split("/")):
        path = posixpath.normpath(path)
    if path.split("/")[0] in (".", ".."):
        raise ValueError(f"the image is {quoted(name)}; {accepted}")
    return f"s3://{parse_uri(folder).bucket}/{path}"
