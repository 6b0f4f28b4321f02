"""The templates after SAM's transform: who may do what, and what is open."""

import json
import re

import pytest
from customlabels import figures
from customlabels.alarms import RESTART_FAILED, STOP_FAILED
from customlabels.clients import MODEL, STORE, TABLE
from customlabels.refusals import CODES
from customlabels.uploads import PREFIX

from tests.templates import NAMES, ROOT, source, transformed

# Log delivery, X-Ray, DescribeProjects, CreateProject and GetMetricData know no narrower resource.
WIDE = {
    "cloudwatch:GetMetricData",
    "rekognition:DescribeProjects",
    "rekognition:CreateProject",
    "xray:PutTraceSegments",
    "xray:PutTelemetryRecords",
}


HOURS = ("KeepOfficeHoursOpen", "KeepOfficeHoursClose")


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
            given = policy["Fn::If"][1] if "Fn::If" in policy else policy
            if "PolicyDocument" in given:
                for statement in listed(given["PolicyDocument"]["Statement"]):
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
        # These decide, and call nothing.
        assert role.get("Policies") or of["Handler"] in (
            "plan.handler",
            "plan_batch.handler",
            "plan_teardown.handler",
        )


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
    rules = {rule["Id"]: rule for rule in properties["LifecycleConfiguration"]["Rules"]}
    assert rules["ExpireOldVersions"]["NoncurrentVersionExpiration"]
    assert rules["ExpireUploads"]["Prefix"] == PREFIX
    assert rules["ExpireUploads"]["ExpirationInDays"] == 1
    assert rules["ExpireUploads"]["NoncurrentVersionExpiration"] == {"NoncurrentDays": 1}
    (policy,) = resources("template.yaml", "AWS::S3::BucketPolicy").values()
    (statement,) = policy["PolicyDocument"]["Statement"]
    assert statement["Effect"] == "Deny"
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_the_state_table_is_on_demand_and_recoverable():
    (table,) = resources("template.yaml", "AWS::DynamoDB::Table").values()
    assert table["BillingMode"] == "PAY_PER_REQUEST"
    assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}


def test_no_schedule_but_the_watch_is_on_unless_asked_for():
    schedules = resources("template.yaml", "AWS::Scheduler::Schedule")
    states = {"TrainWeekly": "ScheduleState", **dict.fromkeys(HOURS, "OfficeHoursState")}
    always = {"WatchModelsWatch", "CheckFreshnessDaily"}
    assert schedules.keys() == {*always, *states}
    for name, state in states.items():
        assert schedules[name]["State"] == {"Ref": state}
        assert source("template.yaml")["Parameters"][state]["Default"] == "DISABLED"
    assert all(schedules[name].get("State", "ENABLED") == "ENABLED" for name in always)
    assert not any("Name" in of for of in schedules.values())
    assert [json.loads(schedules[name]["Target"]["Input"])["do"] for name in HOURS] == ["start", "stop"]


# The alarms that say what a message of its own has said already.
QUIET = {"RunFailed", "ModelRefused", "ModelOrphaned"}
WATCHED = {
    "WatchFailed": "WatchModels",
    "OfficeHoursFailed": "KeepOfficeHours",
    "FreshnessFailed": "CheckFreshness",
}


def test_what_no_state_can_mend_rings_an_alarm():
    alarms = resources("template.yaml", "AWS::CloudWatch::Alarm")
    variables = source("template.yaml")["Globals"]["Function"]["Environment"]["Variables"]
    own = {
        "StopFailed": STOP_FAILED,
        "RestartFailed": RESTART_FAILED,
        "RunFailed": figures.FAILED,
        "ModelRefused": figures.REFUSED,
        "ModelOrphaned": figures.ORPHANS,
        "RunsStale": figures.AGE,
    }
    assert alarms.keys() == {*own, *WATCHED, "CleanUpFailed"}
    for name, alarm in alarms.items():
        assert alarm["TreatMissingData"] == "notBreaching"
        assert alarm.get("AlarmActions") == (None if name in QUIET else [{"Ref": "OutcomeTopic"}])
        if name in own:
            assert alarm["MetricName"] == own[name]
            assert alarm["Namespace"] == variables["POWERTOOLS_METRICS_NAMESPACE"] == "CustomLabels"
            assert alarm["Dimensions"] == [{"Name": "service", "Value": variables["POWERTOOLS_SERVICE_NAME"]}]
        if name in WATCHED:
            assert (alarm["Namespace"], alarm["MetricName"]) == ("AWS/Lambda", "Errors")
            assert alarm["Dimensions"] == [{"Name": "FunctionName", "Value": {"Ref": WATCHED[name]}}]
        if name != "RunsStale":
            assert (alarm["Statistic"], alarm["Threshold"], alarm["Period"]) == ("Sum", 1, 300)
    assert alarms["CleanUpFailed"]["Dimensions"] == [{"Name": "StateMachineArn", "Value": {"Ref": "AfterTrain"}}]
    serving = source("inference.yaml")["Globals"]["Function"]["Environment"]["Variables"]
    assert serving["POWERTOOLS_METRICS_NAMESPACE"] == "CustomLabels"


def test_runs_that_get_old_ring_an_alarm_only_if_asked_for():
    stale = transformed("template.yaml")["Resources"]["RunsStale"]
    assert stale["Condition"] == "Stale"
    assert source("template.yaml")["Parameters"]["StaleDays"]["Default"] == 0
    assert stale["Properties"]["Threshold"] == {"Ref": "StaleDays"}


@pytest.mark.parametrize("name", ["template.yaml", "inference.yaml"])
def test_the_dashboard_shows_metrics_that_are_sent_and_resources_that_exist(name):
    (dashboard,) = resources(name, "AWS::CloudWatch::Dashboard").values()
    text = dashboard["DashboardBody"]["Fn::Sub"]
    known = {*transformed(name)["Resources"], *source(name)["Parameters"]}
    named = {place.partition(".")[0] for place in re.findall(r"\$\{([^}]+)\}", text)}
    assert {one for one in named if not one.startswith("AWS::")} <= known
    widgets = json.loads(text)["widgets"]
    shown = {re.sub("[^A-Za-z0-9]", "", one) for one in re.findall(r'"CustomLabels", "(\w+)"', text)}
    shown |= set(re.findall(r'\{CustomLabels,[^}]*\} MetricName=\\"(\w+)\\"', text))
    code = "".join(path.read_text() for path in (ROOT / "functions").rglob("*.py"))
    assert shown
    assert [metric for metric in shown if f'"{metric}"' not in code] == []
    # Widgets neither overlap nor reach beyond the 24 columns.
    taken = set()
    for one in widgets:
        cells = {
            (x, y)
            for x in range(one["x"], one["x"] + one["width"])
            for y in range(one["y"], one["y"] + one["height"])
        }
        assert not cells & taken, one["properties"].get("title")
        assert max(x for x, _ in cells) < 24
        taken |= cells
    alarms = resources(name, "AWS::CloudWatch::Alarm")
    (listed_alarms,) = [one["properties"]["alarms"] for one in widgets if one["type"] == "alarm"]
    assert {place[2:-5] for place in listed_alarms} == alarms.keys() - {"RunsStale"}, "RunsStale may not exist"


def test_every_alarm_has_its_place_in_the_runbook():
    page = (ROOT / "docs" / "runbook.md").read_text()
    headings = re.findall(r"^## (\w+)$", page, re.M)
    names = {
        *resources("template.yaml", "AWS::CloudWatch::Alarm"),
        *resources("inference.yaml", "AWS::CloudWatch::Alarm"),
    }
    assert set(headings) == names
    for section in page.split("\n## ")[1:]:
        name, _, text = section.partition("\n\n")
        assert text.startswith("**"), f"the runbook does not begin with what {name} means"
        assert re.search(r"`(python -m cli|/aws/lambda/|STACK-)", text), (
            f"the runbook says not where to look for {name}"
        )


def test_the_topic_takes_alarms_and_budgets_of_this_account_only():
    (policy,) = resources("template.yaml", "AWS::SNS::TopicPolicy").values()
    account, alarms, (condition, budgets, absent) = (
        of.get("Fn::If", of) for of in policy["PolicyDocument"]["Statement"]
    )
    assert account["Principal"]["AWS"]["Fn::Sub"].endswith("::${AWS::AccountId}:root")
    assert {"sns:Publish", "sns:Subscribe"} <= set(account["Action"])
    assert (condition, absent) == ("Budget", {"Ref": "AWS::NoValue"})
    for of, service in ((alarms, "cloudwatch"), (budgets, "budgets")):
        assert of["Principal"] == {"Service": f"{service}.amazonaws.com"}
        assert (of["Action"], of["Resource"]) == ("sns:Publish", {"Ref": "OutcomeTopic"})
        assert of["Condition"]["StringEquals"] == {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}


def test_a_budget_is_made_only_for_who_wants_one():
    template = source("template.yaml")
    (budget,) = [of for of in template["Resources"].values() if of["Type"] == "AWS::Budgets::Budget"]
    assert template["Conditions"][budget["Condition"]] == {
        "Fn::Not": [
            {"Fn::Equals": [{"Ref": "MonthlyBudget"}, str(template["Parameters"]["MonthlyBudget"]["Default"])]}
        ]
    }
    assert budget["DependsOn"] == "OutcomeTopicPolicy"
    notices = [of["Notification"] for of in budget["Properties"]["NotificationsWithSubscribers"]]
    assert [(of["NotificationType"], of["Threshold"]) for of in notices] == [("ACTUAL", 80), ("FORECASTED", 100)]


def test_state_machines_are_logged_and_traced():
    machines = resources("template.yaml", "AWS::StepFunctions::StateMachine")
    assert set(machines) == {"Train", "Batch", "AfterTrain", "Teardown"}
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
    machines = rule["EventPattern"]["detail"]["stateMachineArn"]
    for machine, logical in zip(machines, ("Train", "Batch", "Teardown"), strict=True):
        name = source("template.yaml")["Resources"][logical]["Properties"]["Name"]["Fn::Sub"]
        assert machine["Fn::Sub"].endswith(f":stateMachine:{name}")
    after = source("template.yaml")["Resources"]["AfterTrain"]["Properties"]["DefinitionSubstitutions"]
    assert after["TeardownMachineArn"] == machines[2]


OPEN_PATHS = {"/", "/page/{name}", "/health", "/openapi.json"}


def methods():
    (api,) = resources("inference.yaml", "AWS::ApiGateway::RestApi").values()
    return {(path, name): of for path, group in api["Body"]["paths"].items() for name, of in group.items()}


def test_every_method_needs_a_key_but_those_that_tell_nothing():
    (api,) = resources("inference.yaml", "AWS::ApiGateway::RestApi").values()
    keyed = {"/predictions", "/uploads", "/model", "/model/start", "/feedback"}
    assert {path for path, _ in methods()} == keyed | OPEN_PATHS
    for (path, name), of in methods().items():
        if path in OPEN_PATHS or name == "options":
            assert not of.get("security"), (path, name)
        else:
            assert of["security"] == [{"api_key": []}], (path, name)
    assert "api_key" in json.dumps(api["Body"]["components"]["securitySchemes"])


def test_what_needs_no_key_is_throttled_by_the_stage():
    (stage,) = resources("inference.yaml", "AWS::ApiGateway::Stage").values()
    limits = {(of["ResourcePath"], of["HttpMethod"].lower()): of for of in stage["MethodSettings"]}
    whole = limits["/*", "*"]
    assert whole["ThrottlingRateLimit"] == {"Ref": "StageRateLimit"}
    for (path, name), of in methods().items():
        if not of.get("security"):
            found = limits["/" if path == "/" else "/" + path.replace("/", "~1"), name]
            assert found["ThrottlingRateLimit"] == {"Ref": "OpenRateLimit"}
            assert found["ThrottlingBurstLimit"] == {"Ref": "OpenBurstLimit"}


def test_no_setting_writes_images_or_keys_to_a_log():
    (stage,) = resources("inference.yaml", "AWS::ApiGateway::Stage").values()
    assert not any(of.get("DataTraceEnabled") or of.get("LoggingLevel") for of in stage["MethodSettings"])
    condition, logged, absent = stage["AccessLogSetting"]["Fn::If"]
    assert (condition, absent) == ("AccessLogs", {"Ref": "AWS::NoValue"})
    assert source("inference.yaml")["Parameters"]["AccessLogs"]["Default"] == "DISABLED"
    fields = json.loads(logged["Format"]).values()
    assert not {"$context.identity.apiKey", "$context.identity.sourceIp"} & set(fields)


def test_a_preflight_asks_for_no_key_and_answers_only_with_an_origin():
    assert source("inference.yaml")["Parameters"]["CorsOrigin"]["Default"] == ""
    for (path, name), of in methods().items():
        if name == "options":
            (answer,) = of["x-amazon-apigateway-integration"]["responses"].values()
            headers = answer["responseParameters"]
            origin = headers["method.response.header.Access-Control-Allow-Origin"]
            assert origin["Fn::If"][0] == "Cors", path
            assert "X-Api-Key" in headers["method.response.header.Access-Control-Allow-Headers"]


def test_the_functions_answer_before_the_gateway_gives_up():
    for of in resources("inference.yaml", "AWS::Lambda::Function").values():
        assert TABLE.longest + STORE.longest + MODEL.longest < of["Timeout"] < 29


def test_nothing_starts_a_model_unless_it_is_asked_for():
    assert source("inference.yaml")["Parameters"]["WakeOnRequest"]["Default"] == "DISABLED"
    template = transformed("inference.yaml")
    conditional = {name for name, of in template["Resources"].items() if of.get("Condition") == "WakeOnRequest"}
    assert conditional == {"Wake", "WakeRole"}
    assert template["Conditions"]["WakeOnRequest"] == {"Fn::Equals": [{"Ref": "WakeOnRequest"}, "ENABLED"]}
    for name in ("Predict", "ApiRoutes"):
        policies = template["Resources"][f"{name}Role"]["Properties"]["Policies"]
        (invoking,) = [policy for policy in policies if "lambda:InvokeFunction" in json.dumps(policy)]
        condition, given, otherwise = invoking["Fn::If"]
        (statement,) = given["PolicyDocument"]["Statement"]
        assert (condition, otherwise) == ("WakeOnRequest", {"Ref": "AWS::NoValue"})
        assert statement["Resource"] == {"Fn::GetAtt": ["Wake", "Arn"]}
        variables = template["Resources"][name]["Properties"]["Environment"]["Variables"]
        assert variables["WAKE_FUNCTION"] == {"Fn::If": ["WakeOnRequest", {"Ref": "Wake"}, ""]}


def test_the_api_may_write_no_item_but_feedback():
    written = [
        statement
        for role, statement in statements("inference.yaml")
        if role == "ApiRoutesRole"
        and {"dynamodb:PutItem", "dynamodb:UpdateItem"} & set(listed(statement["Action"]))
    ]
    (statement,) = written
    keys = statement["Condition"]["ForAllValues:StringEquals"]["dynamodb:LeadingKeys"]
    assert keys == [{"Fn::Sub": "feedback#${Project}"}]


def test_wake_may_start_the_projects_models_and_nothing_else():
    allowed = {}
    for role, statement in statements("inference.yaml"):
        for action in listed(statement["Action"]) if role == "WakeRole" else []:
            allowed[action] = statement
    started = {action for action in allowed if not action.startswith("dynamodb:")}
    assert started == {
        f"rekognition:{n}" for n in ("DescribeProjects", "DescribeProjectVersions", "StartProjectVersion")
    }
    assert allowed["rekognition:StartProjectVersion"]["Resource"]["Fn::Sub"].endswith(
        ":project/${Project}/version/*"
    )
    table = allowed["dynamodb:UpdateItem"]
    assert table["Condition"] == {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": [{"Ref": "Project"}]}}


def test_predict_may_read_nothing_of_the_bucket_but_uploads():
    role = resources("inference.yaml", "AWS::IAM::Role")["PredictRole"]
    always = [policy for policy in role["Policies"] if "PolicyDocument" in policy]
    allowed = [of for policy in always for of in listed(policy["PolicyDocument"]["Statement"])]
    (s3,) = [of for of in allowed if "s3" in json.dumps(of["Action"])]
    assert s3["Action"] == "s3:GetObject"
    assert s3["Resource"]["Fn::Sub"].endswith("${DataBucketName}/uploads/*")


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
        status = int(response["statusCode"])
        assert CODES[body["code"]].status == status, name
        parameters = response["responseParameters"]
        assert parameters["gatewayresponse.header.X-Request-Id"] == "context.requestId"
        assert ("gatewayresponse.header.Retry-After" in parameters) is (status in (429, 503, 504)), name


def test_of_the_state_table_prepare_may_read_what_was_accepted_and_nothing_else():
    (statement,) = [
        of
        for role, of in statements("template.yaml")
        if role == "PrepareTrainDatasetRole" and "dynamodb" in json.dumps(of["Action"])
    ]
    assert listed(statement["Action"]) == ["dynamodb:Query"]
    keys = statement["Condition"]["ForAllValues:StringLike"]["dynamodb:LeadingKeys"]
    assert keys == [{"Fn::Sub": "reviewed#${Project}*"}]


def test_feedback_is_forgotten_in_the_bucket_and_in_the_table():
    (bucket,) = resources("template.yaml", "AWS::S3::Bucket").values()
    (rule,) = [of for of in bucket["LifecycleConfiguration"]["Rules"] if of.get("Prefix") == "feedback/"]
    assert rule["ExpirationInDays"] == {"Ref": "FeedbackDays"}
    (table,) = resources("template.yaml", "AWS::DynamoDB::Table").values()
    assert table["TimeToLiveSpecification"] == {"AttributeName": "expires", "Enabled": True}
