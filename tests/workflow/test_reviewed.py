"""What a person accepts with the command `review` is trained on, until it is withdrawn."""

from typing import Any

from tests import waiting
from tests.images import picture
from tests.stack import Stack


def test_what_is_accepted_is_trained_on_until_it_is_withdrawn(stack: Stack, images: dict[str, Any]) -> None:
    waiting.describe(stack)
    review = waiting.review()
    given = {**images, "gate": {"minimum": 0.0}}
    assert stack.run(given, name="first").status == "SUCCEEDED"
    made = review.accept(waiting.send(stack, {"labels": ["down"]}, picture("down", 700))).reviewed

    def labels() -> list[str]:
        """What the training dataset says of the image."""
        found = [entry for entry in stack.entries("TRAIN") if entry["source-ref"] == made.reference]
        return [entry["label-metadata"]["class-name"] for entry in found]

    result = stack.run(given, name="second")
    assert (result.output["outcome"], labels()) == ("promoted", ["down"]), result.cause
    review.withdraw(made.digest)
    merged = stack.run({**given, "refresh": {"training": "merge"}}, name="third")
    assert (merged.status, labels()) == ("SUCCEEDED", ["down"]), "no call deletes an entry"
    anew = stack.run(given, name="fourth")
    assert (anew.status, labels()) == ("SUCCEEDED", []), anew.cause
