"""The manifests for managed container services, checked by the vendors' own schemas. They agree with Kubernetes'."""

import importlib
import inspect
import json
import os
import subprocess
import sys
import typing
from enum import Enum
from pathlib import Path
from types import ModuleType
from typing import Any

import jsonschema
import pytest
import yaml

from tests.conftest import ROOT

ECS, CLOUD_RUN = ROOT / "deploy/ecs/template.yaml", ROOT / "deploy/cloud-run/heidi.yaml"
CONTAINER_APPS = ROOT / "deploy/container-apps/template.json"
RUN_CFN_LINT = "import sys; from cfnlint.runner import main; sys.exit(main())"
SECRETS = {"DATABASE_URL", "REDIS_URL", "BROKER_URL", "SMTP_URL", "SECRET_KEY", "ENCRYPTION_KEYS", "JWT_PUBLIC_KEYS"}


def need(module: str) -> ModuleType:
    """Import a vendor's package. It is installed with the extra `deploy`; under CI=true it must be there."""
    try:
        return importlib.import_module(module)
    except ImportError:
        reason = f"{module} is not installed: pip install -c constraints.txt -e '.[deploy]'"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)


def cfn_lint(template: Path) -> subprocess.CompletedProcess[str]:
    need("cfnlint")
    return subprocess.run(
        [sys.executable, "-c", RUN_CFN_LINT, str(template)], capture_output=True, text=True, check=False
    )


def test_the_template_of_ecs_passes_the_linter_of_aws() -> None:
    checked = cfn_lint(ECS)
    assert checked.returncode == 0, checked.stdout


@pytest.mark.parametrize(
    "change", [("FARGATE", "FARGAT"), ("DesiredCount:", "DesiredCounts:"), ("!Ref Balancer\n", "!Ref B\n")]
)
def test_an_error_in_the_template_of_ecs_is_noticed(tmp_path: Path, change: tuple[str, str]) -> None:
    template = tmp_path / "template.yaml"
    text = ECS.read_text()
    assert change[0] in text
    template.write_text(text.replace(*change))
    assert str(template) in cfn_lint(template).stdout


def cloud_run_schema(kind: str) -> dict[str, Any]:
    """The schema of a resource in Google's discovery document, as a JSON Schema that rejects unknown fields."""
    folder = Path(need("googleapiclient.discovery_cache").__path__[0])
    document = json.loads((folder / "documents" / "run.v1.json").read_text())
    definitions = {name: _as_json_schema(schema) for name, schema in document["schemas"].items()}
    return {"$ref": f"#/definitions/{kind}", "definitions": definitions}


def _as_json_schema(schema: Any) -> Any:
    if "$ref" in schema:
        return {"$ref": f"#/definitions/{schema['$ref']}"}
    converted = {name: schema[name] for name in ("type", "enum") if name in schema and schema[name] != "any"}
    if "properties" in schema:
        converted["properties"] = {name: _as_json_schema(item) for name, item in schema["properties"].items()}
        converted["additionalProperties"] = False
    elif "additionalProperties" in schema:
        converted["additionalProperties"] = _as_json_schema(schema["additionalProperties"])
    if "items" in schema:
        converted["items"] = _as_json_schema(schema["items"])
    return converted


def cloud_run() -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(CLOUD_RUN.read_text()))


@pytest.mark.parametrize("number", range(5))
def test_the_resources_of_cloud_run_match_the_schemas_of_google(number: int) -> None:
    resources = cloud_run()
    assert len(resources) == 5
    jsonschema.validate(resources[number], cloud_run_schema(resources[number]["kind"]))


@pytest.mark.parametrize(("field", "value"), [("image", 1), ("imagePullSecret", "x"), ("args", "gunicorn")])
def test_an_error_in_a_resource_of_cloud_run_is_noticed(field: str, value: object) -> None:
    service = cloud_run()[0]
    service["spec"]["template"]["spec"]["containers"][0][field] = value
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(service, cloud_run_schema("Service"))


def container_apps() -> list[dict[str, Any]]:
    resources: list[dict[str, Any]] = json.loads(CONTAINER_APPS.read_text())["resources"]
    return resources


def unknown_fields(value: Any, kind: Any, path: str) -> list[str]:
    """The fields of a resource that the SDK's model does not have, and values of another kind than it declares.

    Args:
        value: A part of the resource.
        kind: The annotation of this part in the SDK.
        path: Where the part is.
    """
    kind = _resolved(kind)
    origin, arguments = typing.get_origin(kind), [a for a in typing.get_args(kind) if a is not type(None)]
    if isinstance(value, str) and value.startswith("["):
        return []  # an expression of the template
    if origin is list:
        if not isinstance(value, list):
            return [f"{path} is not a list"]
        return [line for item in value for line in unknown_fields(item, arguments[0], f"{path}[]")]
    if origin is dict:
        return [line for name, item in value.items() for line in unknown_fields(item, arguments[1], f"{path}.{name}")]
    if arguments and origin is not typing.Literal:
        return min((unknown_fields(value, argument, path) for argument in arguments), key=len)
    if hasattr(kind, "_is_model"):
        return _unknown_members(value, kind, path)
    accepted = (
        (int, float) if kind is float else kind if isinstance(kind, type) and not issubclass(kind, Enum) else object
    )
    return [] if isinstance(value, accepted) else [f"{path} is {value!r}"]


def _resolved(kind: Any) -> Any:
    """The type that an annotation of the SDK means: it names types of other modules by strings."""
    name = kind.__forward_arg__ if isinstance(kind, typing.ForwardRef) else kind
    if not isinstance(name, str):
        return kind
    models = importlib.import_module("azure.mgmt.appcontainers.models._models")
    enums = importlib.import_module("azure.mgmt.appcontainers.models")
    return eval(name, models.__dict__ | {"_models": enums})


def _unknown_members(value: Any, kind: Any, path: str) -> list[str]:
    if not isinstance(value, dict):
        return [f"{path} is not an object"]
    kind()  # the model collects its fields when it is first created
    hints = {name: hint for base in reversed(kind.__mro__) for name, hint in inspect.get_annotations(base).items()}
    known = {field._rest_name: hints.get(name, Any) for name, field in kind._attr_to_rest_field.items()}
    unknown = [f"{path}.{name}" for name in value if name not in known]
    checked = [unknown_fields(item, known[name], f"{path}.{name}") for name, item in value.items() if name in known]
    return unknown + [line for lines in checked for line in lines]


def check_container_app(resource: dict[str, Any]) -> list[str]:
    models = need("azure.mgmt.appcontainers.models")
    kind = models.Job if resource["type"].endswith("/jobs") else models.ContainerApp
    body = {name: value for name, value in resource.items() if name not in ("apiVersion", "copy")}
    return unknown_fields(body, kind, resource["name"])


@pytest.mark.parametrize("number", range(3))
def test_the_resources_of_container_apps_match_the_models_of_microsoft(number: int) -> None:
    assert len(container_apps()) == 3
    assert check_container_app(container_apps()[number]) == []


@pytest.mark.parametrize(
    ("field", "value"), [("imagePullPolicy", "x"), ("args", "gunicorn"), ("probes", [{"kind": "x"}])]
)
def test_an_error_in_a_resource_of_container_apps_is_noticed(field: str, value: object) -> None:
    web = container_apps()[0]
    web["properties"]["template"]["containers"][0][field] = value
    assert check_container_app(web)


@pytest.mark.parametrize("manifest", [ECS, CLOUD_RUN, CONTAINER_APPS], ids=lambda path: path.parent.name)
def test_each_manifest_runs_the_commands_of_kubernetes_with_all_secrets(manifest: Path) -> None:
    text = " ".join(manifest.read_text().replace('"', " ").replace(",", " ").split())
    for command in (
        "python -m workers.main",
        "python -m workers.relay",
        "python -m workers.clock",
        "HEIDI_SERVICE gunicorn",
    ):
        assert command in text
    assert [name for name in (*SECRETS, "JWT_PRIVATE_KEYS", "CORE_CLIENT_SECRET") if name not in text] == []
    assert text.count("JWT_PRIVATE_KEYS") <= 2, "only the web process signs tokens"
