"""What ships to Lambda is what functions/ holds, and small."""

from local.demo import LOCAL, TEMPLATES
from tests.templates import ROOT, source

LARGEST = 15 * 1024 * 1024  # bytes unzipped; Lambda's limit is 250 MB, a cold start notices far less


def test_each_built_package_is_small_and_holds_only_what_ships(deployed):
    for environment, template in TEMPLATES.items():
        functions = [
            name for name, of in source(template)["Resources"].items() if of["Type"] == "AWS::Serverless::Function"
        ]
        for name in functions:
            package = LOCAL / "build" / environment / "build" / name
            files = [file for file in package.rglob("*") if file.is_file()]
            assert sum(file.stat().st_size for file in files) < LARGEST
            top = {file.relative_to(package).parts[0] for file in files}
            assert {path.name for path in (ROOT / "functions").glob("*.py")} <= top
            assert not top & {"local", "cli", "tests", "boto3", "botocore"}
