"""Checks the manifests that a run has written, and publishes what was found."""

import json
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TYPE_CHECKING, Any

from customlabels.datasets import place_of
from customlabels.images import AT_ONCE, Images
from customlabels.locations import Location
from customlabels.preflight.checks import Preflight, Report
from customlabels.preflight.findings import Finding, Findings, Verdict
from customlabels.preflight.line_checks import Facts
from customlabels.preflight.page import page
from customlabels.settings import Checking

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

BATCH = 1024  # lines whose images are read at once
SHARES = 1_000_000


class Inspection:
    """The check of one run's data; its page and its JSON lie beside the manifests."""

    def __init__(self, s3: "S3Client", bucket: str, project: str, version: str) -> None:
        self.s3, self.bucket = s3, bucket
        self.title = f"Data of {project}, version {version}"
        self.place = place_of(project, version)

    def check(self, train: dict[str, Any], test: dict[str, Any], share: float) -> Report:
        """Check what the two Prepare states wrote, reading the headers of a `share` (0 to 1) of the images."""
        preflight = Preflight(split=test["split"])
        for side, written in (("testing", test), ("training", train)):
            for text, facts in self._lines(written, share):
                preflight.add(side, text, facts)  # type: ignore[arg-type]
        converted = [Findings.from_json(self._json(written["findings"])) for written in (train, test)]
        return preflight.report(converted, self._address("page"))

    def publish(self, report: Report) -> str:
        """Write the report as JSON and as a page, and give the page's address."""
        for ending, text, kind in (
            ("json", json.dumps(report.to_json()), "application/json"),
            ("page", page(report, self.title), "text/html; charset=utf-8"),
        ):
            key = self._key(ending)
            self.s3.put_object(Bucket=self.bucket, Key=key, Body=text.encode(), ContentType=kind)
        return self._address("page")

    @property
    def json_object(self) -> dict[str, str]:
        """The report as JSON, as Rekognition's S3Object."""
        return {"Bucket": self.bucket, "Name": self._key("json")}

    def published(self) -> Report:
        """The report that `publish` wrote."""
        told = self._json(self.json_object)
        findings = [Finding(**finding) for finding in told["findings"]]
        return Report(**{**told, "verdict": Verdict(**told["verdict"]), "findings": findings})

    def _lines(self, written: dict[str, Any], share: float) -> Iterator[tuple[str, Facts | None]]:
        """Each line of a manifest with what is known of its image."""
        rows = zip(self._rows(written["manifest"]), self._rows(written["identities"]), strict=True)
        images = Images(self.s3)
        with ThreadPoolExecutor(AT_ONCE) as pool:

            def facts(row: tuple[str, str]) -> Facts | None:
                reference, etag, _ = json.loads(row[1])
                if reference and zlib.crc32(reference.encode()) % SHARES < share * SHARES:
                    return images.look(reference)
                return Facts(content=f"etag:{etag}") if etag else None

            while batch := list(islice(rows, BATCH)):
                yield from zip((text for text, _ in batch), pool.map(facts, batch), strict=True)

    def _rows(self, place: dict[str, str]) -> Iterator[str]:
        body = self.s3.get_object(Bucket=place["Bucket"], Key=place["Name"])["Body"]
        for row in body.iter_lines(chunk_size=64 * 1024):
            yield row.decode("utf-8", "replace")

    def _json(self, place: dict[str, str]) -> Any:
        return json.loads(self.s3.get_object(Bucket=place["Bucket"], Key=place["Name"])["Body"].read())

    def _key(self, ending: str) -> str:
        return f"{self.place}/findings.{'html' if ending == 'page' else ending}"

    def _address(self, ending: str) -> str:
        return Location(self.bucket, self._key(ending)).uri


def estimate(checking: Checking, units: int) -> dict[str, Any]:
    """What the run would cost at the stack's price parameters, in their currency."""
    seconds, prices = round(checking.training_hours * 3600), checking.prices
    return {
        "trainingSeconds": seconds,
        "inferenceUnits": units,
        "training": prices.of_training(seconds),
        "runningPerHour": prices.per_hour(units),
        "runningPerDay": prices.per_day(units),
    }
