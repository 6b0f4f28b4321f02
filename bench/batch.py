"""A batch on the local cloud: images a second, from the first chunk to the last, beside the model's limit.

Baseline: the limit of detections that the model's one inference unit is given here. Limited by that, as long as
the machine can hold it: while the last images of a chunk are under way, fewer are asked about than the model
would take.
"""

import json
import os
import tempfile
import time
from pathlib import Path

from bench.laptop import run, say
from local import cloud, demo, samples

LIMIT = 20  # detections a second
IMAGES = 1000
GOAL = 0.9  # of the limit


def main() -> None:
    """Print the figures; SystemExit if an image is missing."""
    os.environ["CUSTOM_LABELS_DETECTIONS_PER_UNIT"] = str(LIMIT)
    port = cloud.free_port()
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        base = Path(folder)
        cloud.up(port, base, 0.01)
        try:
            answered, pace = measure(port, base)
        finally:
            cloud.down(port, base)
    if answered != IMAGES:
        raise SystemExit(f"Of {IMAGES} images {answered} were answered.")
    kept = "kept" if pace >= GOAL * LIMIT else "MISSED"
    say(f"batch: {IMAGES} images, {pace:.2f} a second, the limit is {LIMIT}: {pace / LIMIT:.2f} of it")
    say(f"  goal >= {GOAL:g}: {kept}")


def measure(port: int, base: Path) -> tuple[int, float]:
    """How many images were answered, and how many a second."""
    with demo.alone():
        demo.build("default", port)
        stack = demo.deploy_stack("default", port, {"DetectionsPerUnit": str(LIMIT)})
    bucket, project, here = stack.output("DataBucketName"), stack.project(None), demo.local_cloud(port)
    digits = samples.write_digits(base / "digits", 20, 8)
    demo.upload_samples(port, bucket, project, digits)
    run(port, stack)
    pictures = [path.read_bytes() for path in sorted(digits.rglob("*.png"))]
    for number in range(IMAGES):
        body = pictures[number % len(pictures)]
        here.client("s3").put_object(Bucket=bucket, Key=f"shots/{number:05}.png", Body=body)
    steps = here.client("stepfunctions")
    begun = steps.start_execution(
        stateMachineArn=stack.output("BatchStateMachineArn"), input=json.dumps({"images": f"s3://{bucket}/shots/"})
    )
    while (found := steps.describe_execution(executionArn=begun["executionArn"]))["status"] == "RUNNING":
        time.sleep(0.5)
    if found["status"] != "SUCCEEDED":
        raise SystemExit(f"The batch ended {found['status']}: {found.get('cause')}")
    output = json.loads(found["output"])
    return int(output["answered"]), float(output["imagesPerSecond"])


if __name__ == "__main__":
    main()
