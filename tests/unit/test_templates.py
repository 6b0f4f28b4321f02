"""The templates after SAM's transform: who may do what, and what is open."""

import json

import pytest

from tests.templates import NAMES, ROOT, source, transformed

# Log delivery, X-Ray, DescribeProjects and CreateProject know no narrower resource.
WIDE = {
    "rekognition:DescribeProjects",
    "rekognition:CreateProject",
    "xray:PutTraceSegments",
    "xray:PutTelemetryRecords",
}


def resources(name, kind):
    return {key: of["Properties"] for key, of in transformed(name)["Resources"].items() if of["Type"] == kind}


def listed(value):
    return value if isinstance(value, list) else [value]


def statements(name):
    """Every statement of every policy that is attached to a role: (role, statement)."""
    roles = resources(name, "AWS::IAM::Role")
    for role, properties in roles.items():
        for policy in properties.get("Policies", []):
            # A policy under a condition is an intrinsic function around it.
            document = policy.get("PolicyDocument")
            if document:
                for statement in listed(document["Statement"]):
                    yield role, statement
    for managed, properties in resources(name, "AWS::IAM::ManagedPolicy").items():
        for statement in listed(properties["PolicyDocument"]["Statement"]):
            yield managed, statement


@pytest.mark.parametrize("name", NAMES)
def test_a_star_stands_only_where_nothing_narrower_is_known(name):
    for role, statement in statements(name):
        if "*" in listed(statement["Resource"]):
            actions = set(listed(statement["Action"]))
            logs = {action for action in actions if action.startswith("logs:") and "Deliver" in action}
            logs |= actions & {"logs:PutResourcePolicy", "logs:DescribeResourcePolicies", "logs:DescribeLogGroups"}
            tracing = {action for action in actions if action.startswith("xray:")}
            assert actions <= WIDE | logs | tracing, (role, actions)
        for action in listed(statement["Action"]):
            assert not action.endswith("*"), (role, action)


@pytest.mark.parametrize("name", NAMES)
def test_every_function_has_a_role_and_a_policy_of_its_own(name):
    functions = resources(name, "AWS::Lambda::Function")
    roles = [json.dumps(of["Role"]) for of in functions.values()]
    assert len(set(roles)) == len(functions)
    for of in functions.values():
        role = resources(name, "AWS::IAM::Role")[of["Role"]["Fn::GetAtt"][0]]
        # Plan decides, and calls nothing.
        assert role.get("Policies") or of["Handler"] == "plan.handler"


@pytest.mark.parametrize("name", NAMES)
def test_every_function_is_traced_logged_and_bounded(name):
    for of in resources(name, "AWS::Lambda::Function").values():
        assert of["TracingConfig"] == {"Mode": "Active"}
        assert of["LoggingConfig"]["LogGroup"]
        assert of["Timeout"]
        assert of["Runtime"] == {"Ref": "Runtime"}
        assert of["Architectures"] == [{"Ref": "Architecture"}]


@pytest.mark.parametrize("name", NAMES)
def test_every_parameter_is_described_and_grouped(name):
    template = source(name)
    grouped = [
        parameter
        for group in template["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
        for parameter in group["Parameters"]
    ]
    assert sorted(grouped) == sorted(template["Parameters"])
    assert all(of["Description"] for of in template["Parameters"].values())


def test_what_both_templates_ask_for_has_one_default():
    first, second = (source(name)["Parameters"] for name in NAMES)
    for name in first.keys() & second.keys():
        assert {**first[name], "Description": ""} == {**second[name], "Description": ""}, name


def test_the_data_bucket_is_private_encrypted_versioned_and_kept():
    bucket = transformed("template.yaml")["Resources"]["DataBucket"]
    assert bucket["DeletionPolicy"] == "RetainExceptOnCreate"
    assert bucket["UpdateReplacePolicy"] == "Retain"
    properties = bucket["Properties"]
    assert set(properties["PublicAccessBlockConfiguration"].values()) == {True}
    assert properties["VersioningConfiguration"] == {"Status": "Enabled"}
    assert properties["BucketEncryption"]
    (rule,) = properties["LifecycleConfiguration"]["Rules"]
    assert rule["NoncurrentVersionExpiration"]
    (policy,) = resources("template.yaml", "AWS::S3::BucketPolicy").values()
    (statement,) = policy["PolicyDocument"]["Statement"]
    assert statement["Effect"] == "Deny"
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_the_state_table_is_on_demand_and_recoverable():
    (table,) = resources("template.yaml", "AWS::DynamoDB::Table").values()
    assert table["BillingMode"] == "PAY_PER_REQUEST"
    assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}


def test_the_schedule_is_off_unless_asked_for():
    (schedule,) = resources("template.yaml", "AWS::Scheduler::Schedule").values()
    assert schedule["State"] == {"Ref": "ScheduleState"}
    assert source("template.yaml")["Parameters"]["ScheduleState"]["Default"] == "DISABLED"
    assert "Name" not in schedule


def test_state_machines_are_logged_and_traced():
    machines = resources("template.yaml", "AWS::StepFunctions::StateMachine")
    assert set(machines) == {"Train", "AfterTrain"}
    for of in machines.values():
        assert of["LoggingConfiguration"]["Level"] == "ALL"
        assert of["TracingConfiguration"] == {"Enabled": True}
    (logs,) = [
        of
        for of in resources("template.yaml", "AWS::Logs::LogGroup").values()
        if "states" in json.dumps(of["LogGroupName"])
    ]
    assert logs["LogGroupName"]["Fn::Sub"].startswith("/aws/vendedlogs/states/")


def test_a_run_that_is_ended_from_outside_starts_the_clean_up():
    (rule,) = resources("template.yaml", "AWS::Events::Rule").values()
    assert rule["EventPattern"]["detail"]["status"] == ["ABORTED", "TIMED_OUT", "FAILED"]
    (machine,) = rule["EventPattern"]["detail"]["stateMachineArn"]
    name = source("template.yaml")["Resources"]["Train"]["Properties"]["Name"]["Fn::Sub"]
    assert machine["Fn::Sub"].endswith(f":stateMachine:{name}")


def test_every_method_needs_a_key():
    (api,) = resources("inference.yaml", "AWS::ApiGateway::RestApi").values()
    methods = [of for path in api["Body"]["paths"].values() for of in path.values()]
    assert methods
    for of in methods:
        assert of["security"] == [{"api_key": []}]
    assert "api_key" in json.dumps(api["Body"]["components"]["securitySchemes"])


def test_the_usage_plan_throttles_the_stage():
    (plan,) = resources("inference.yaml", "AWS::ApiGateway::UsagePlan").values()
    assert plan["Throttle"] == {"RateLimit": {"Ref": "RateLimit"}, "BurstLimit": {"Ref": "BurstLimit"}}
    assert plan["ApiStages"]


def test_binary_types_are_exactly_the_two_of_images():
    (api,) = resources("inference.yaml", "AWS::ApiGateway::RestApi").values()
    types = api["BinaryMediaTypes"]
    assert sorted(types) == ["image/jpeg", "image/png"]


def test_the_gateways_own_errors_have_the_form_of_the_apis():
    (api,) = resources("inference.yaml", "AWS::ApiGateway::RestApi").values()
    for name, response in api["Body"]["x-amazon-apigateway-gateway-responses"].items():
        template = response["responseTemplates"]["application/json"]
        body = json.loads(template.replace("$context.error.messageString", '"said"'))
        assert body.keys() == {"code", "message"}, name


def test_requirements_that_ship_are_the_ones_that_are_tested():
    shipped = [
        line
        for line in (ROOT / "functions" / "requirements.txt").read_text().splitlines()
        if line and not line.startswith("#")
    ]
    tested = (ROOT / "requirements-dev.txt").read_text().splitlines()
    assert set(shipped) <= set(tested)
