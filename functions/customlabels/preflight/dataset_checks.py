"""The rules on a dataset as a whole and on both together, once their lines are counted."""

import unicodedata
from collections import Counter
from typing import NamedTuple

from customlabels.preflight import rules
from customlabels.preflight.census import TRACKED, Census, Kind, Side
from customlabels.preflight.findings import Findings, quoted

LEAST_READ = 50  # images that must have been read before their share of bad ones says something of the others


def check_whole(side: Side, census: Census) -> None:
    """The rules of a manifest, whatever its labels."""
    found, lines = census.found, census.lines
    if not lines:
        found.whole("ERROR_EMPTY_MANIFEST", f"The {side} dataset has no line.")
        return
    if lines > rules.LINES:
        says = f"The {side} dataset has {lines:,} lines; accepted are at most {rules.LINES:,}."
        found.whole("ERROR_MANIFEST_ROWS_EXCEEDS_MAXIMUM", says)
    if census.size > rules.MANIFEST_BYTES:
        says = f"The manifest of the {side} dataset has {census.size:,} bytes; accepted is at most 1 GB."
        found.whole("ERROR_MANIFEST_SIZE_TOO_LARGE", says)
    invalid, all_lines = census.invalid + found.rejected, lines + found.rejected
    if invalid > rules.INVALID_SHARE * all_lines:
        says = f"Of the {side} dataset's {all_lines:,} lines, {invalid:,} are invalid; accepted are at most 20 %."
        found.whole("ERROR_TOO_MANY_INVALID_ROWS_IN_MANIFEST", says)
    elif census.read >= LEAST_READ and census.bad_images > rules.INVALID_SHARE * census.read:
        says = (
            f"Of the {side} dataset's {census.read:,} images that were read, {census.bad_images:,} cannot be used;"
        )
        says += " if those that were not read are like them, more than the accepted 20 % of the lines are invalid."
        found.whole("MANY_INVALID_IMAGES_READ", says)
    if len(census.buckets) > 1:
        most = ", ".join(f"{bucket} ({count:,})" for bucket, count in census.buckets.most_common(5))
        more = f" and {len(census.buckets) - 5} more" if len(census.buckets) > 5 else ""
        says = f"The {side} dataset's images are in several buckets, {most}{more}; accepted is one."
        found.whole("ERROR_IMAGES_IN_MULTIPLE_S3_BUCKETS", says, count=len(census.buckets))


def check_kinds(side: Side, census: Census, kind: Kind | None) -> None:
    """Note lines of the other kind than the one that is trained."""
    other: Kind = "object" if kind == "image" else "image"
    if kind and census.labelled[other]:
        names = {"image": "image-level labels", "object": "boxes"}
        says = f"Of the {side} dataset's usable lines, {census.labelled[kind]:,} have {names[kind]} and"
        says += f" {census.labelled[other]:,} have {names[other]}; Rekognition trains one kind, probably"
        says += f" {names[kind]}, and ignores the other."
        census.found.whole("MIXED_LABEL_KINDS", says, count=census.labelled[other])


def check_labels(training: Census, kind: Kind | None) -> None:
    """The rules on the labels that are trained."""
    found = training.found
    named, usable = training.named[kind or "image"], training.usable[kind or "image"]
    minimum = rules.OBJECT_LABELS_MINIMUM if kind == "object" else rules.IMAGE_LABELS_MINIMUM
    accepted = f"accepted are {minimum} to {rules.LABELS} {'on boxes' if kind == 'object' else 'of images'}"
    if training.lines and len(named) < minimum:
        says = f"The training dataset has too few different labels, {len(named)}; {accepted}."
        found.whole("ERROR_MANIFEST_TOO_FEW_LABELS", says, named)
    elif training.lines and len(usable) < minimum:
        says = f"The training dataset has too few different labels on usable images, {len(usable)}; {accepted}."
        found.whole("ERROR_MANIFEST_TOO_FEW_USABLE_LABELS", says, named)
    if len(named) > rules.LABELS:
        many = f"more than {TRACKED:,}" if training.more_labels else f"{len(named):,}"
        says = f"The training dataset has too many different labels, {many}; {accepted}."
        found.whole("ERROR_MANIFEST_TOO_MANY_LABELS", says, named, len(named))
        return
    few = sorted((count, label) for label, count in usable.items() if count < rules.RECOMMENDED_IMAGES_PER_LABEL)
    if few:
        says = f"Labels with fewer than the recommended {rules.RECOMMENDED_IMAGES_PER_LABEL} training images:"
        says += f" {len(few)}, the fewest has {quoted(few[0][1])}, {few[0][0]}."
        found.whole("FEW_IMAGES_PER_LABEL", says, [label for _, label in few], len(few))
    if usable:
        most, least = max(usable, key=usable.__getitem__), min(usable, key=usable.__getitem__)
        if usable[most] > rules.IMBALANCE * usable[least]:
            small = [label for label in usable if usable[label] * rules.IMBALANCE < usable[most]]
            says = f"Labels with less than a tenth of the training images of {quoted(most)}, {usable[most]:,}:"
            says += f" {len(small)}, the fewest has {quoted(least)}, {usable[least]:,}."
            found.whole("CLASS_IMBALANCE", says, small, len(small))
    alike: dict[str, list[str]] = {}
    for label in named:
        alike.setdefault(" ".join(unicodedata.normalize("NFKC", label).casefold().split()), []).append(label)
    if twins := [labels for labels in alike.values() if len(labels) > 1]:
        says = (
            "Labels that differ only in case, spaces or the coding of a letter, and are trained as different ones:"
        )
        says += f" {' and '.join(quoted(label) for label in twins[0][:3])}"
        says += f", and {len(twins) - 1} more." if len(twins) > 1 else "."
        found.whole("SIMILAR_LABELS", says, [label for labels in twins for label in labels], len(twins))


def check_split(training: Census, kind: Kind | None) -> None:
    usable = training.usable[kind or "image"]
    few = [label for label in training.named[kind or "image"] if usable[label] < rules.SPLIT_IMAGES_PER_LABEL]
    if few:
        says = (
            f"Labels with fewer than {rules.SPLIT_IMAGES_PER_LABEL} images, too few to train on and to test with:"
        )
        says += f" {len(few)}, the first is {quoted(few[0])}."
        code = "ERROR_INSUFFICIENT_IMAGES_PER_LABEL_FOR_DISTRIBUTE"
        training.found.whole(code, says, few, len(few))


class Tested(NamedTuple):
    named: Counter[str]
    usable: Counter[str]


def tested_labels(testing: Census, kind: Kind | None) -> Tested:
    """The labels of the trained kind, or of the other where there is none: boxes may test image-level labels."""
    chosen: Kind = kind or "image"
    if not testing.named[chosen]:
        chosen = "object" if chosen == "image" else "image"
    return Tested(testing.named[chosen], testing.usable[chosen])


def check_overlap(training: Census, testing: Census, kind: Kind | None, both: Findings) -> None:
    """The rules on the labels of both datasets."""
    if not (training.lines and testing.lines):
        return
    tested = tested_labels(testing, kind)
    trained = Tested(training.named[kind or "image"], training.usable[kind or "image"])
    for code, train, test, word in (
        ("ERROR_INSUFFICIENT_LABEL_OVERLAP", trained.named, tested.named, ""),
        ("ERROR_INSUFFICIENT_USABLE_LABEL_OVERLAP", trained.usable, tested.usable, "usable "),
    ):
        common = train.keys() & test.keys()
        if len(common) < rules.OVERLAP_SHARE * len(train):
            says = f"The test dataset has {len(common):,} of the training dataset's {len(train):,} {word}labels;"
            both.whole(code, says + " accepted are at least 50 %.", sorted(train.keys() - common))
            break
    for code, labels, what in (
        ("LABEL_NOT_IN_TESTING", trained.usable.keys() - tested.usable.keys(), "trained but not tested"),
        ("LABEL_NOT_IN_TRAINING", tested.usable.keys() - trained.usable.keys(), "tested but not trained"),
    ):
        if labels:
            names = sorted(labels)
            says = f"Labels that are {what}: {len(names):,}, the first is {quoted(names[0])}."
            both.whole(code, says, names, len(names))
    many = [label for label, count in tested.usable.items() if count > rules.TEST_IMAGES_PER_LABEL]
    if many:
        says = (
            f"Labels with more than the {rules.TEST_IMAGES_PER_LABEL:,} test images that are used: {len(many):,},"
        )
        testing.found.whole(
            "MANY_TEST_IMAGES_PER_LABEL", f"{says} the first is {quoted(many[0])}.", many, len(many)
        )
