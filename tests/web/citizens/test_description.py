"""The API says what it does: OpenAPI that a validator accepts, that names every route, and that schemathesis tries."""

from __future__ import annotations

import json
import shlex
import subprocess
import threading
from pathlib import Path

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from openapi_spec_validator import validate
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from werkzeug.serving import make_server

from tests.conftest import ROOT
from tests.web.citizens.conftest import feature

CHECKS = [
    not_a_server_error, status_code_conformance, content_type_conformance, response_headers_conformance,
    response_schema_conformance,
]  # fmt: skip
COMMANDS = Path("docs", "citizens.md")


def test_the_description_is_valid_and_names_every_route_and_nothing_else(town):
    answer = town.stranger().get("/openapi.json")
    told = json.loads(answer.data)
    validate(told)
    assert all(one["summary"] for path in told["paths"].values() for one in path.values())
    routes = {
        (rule.endpoint, method)
        for rule in town.app.url_map.iter_rules()
        if rule.rule.startswith("/api/v1/")
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    named = {
        (".".join(one["operationId"].split(".")[:2]), method.upper())
        for path in told["paths"].values()
        for method, one in path.items()
    }
    assert named == routes


def test_whatever_is_sent_the_answer_is_as_described(town):
    ana = town.contributor("ana")
    town.trust(ana)
    place = ana.add()
    token = ana.post("/me/tokens", {"label": "x", "scopes": ["read", "contribute", "moderate"]}).json["secret"]
    schema = schemathesis.openapi.from_dict(json.loads(town.stranger().get("/openapi.json").data))
    schema.app = town.app
    tried = []
    for result in schema.get_all_operations():
        operation = result.ok()
        if operation.label not in (
            "POST /me/leaving",
            "POST /me/archive",
        ):  # it would end the others; a zip is tried elsewhere
            _try(operation, token, place)
            tried.append(operation.label)
    assert len(tried) > 50


def _try(operation, token, place):
    @settings(max_examples=8, deadline=None, database=None, derandomize=True, phases=[Phase.generate],
              suppress_health_check=list(HealthCheck))  # fmt: skip
    @given(case=operation.as_strategy())
    def answered(case):
        if "place_id" in case.path_parameters:
            case.path_parameters["place_id"] = place
        headers = {"Authorization": f"Bearer {token}", "Accept-Encoding": "identity"}
        case.validate_response(case.call(headers=headers), checks=CHECKS)

    answered()


@pytest.fixture
def address(town):
    server = make_server("127.0.0.1", 0, town.app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        server.shutdown()
        thread.join()


def test_the_commands_of_the_documentation_do_what_it_says(town, address, tmp_path):
    """Every `curl` of docs/citizens.md, in order, as a citizen would run it."""
    text = (ROOT / COMMANDS).read_text()
    blocks = [part.split("```")[0] for part in text.split("```sh\n")[1:]]
    lines = [line for block in blocks for line in block.replace("\\\n", " ").splitlines() if line.startswith("curl ")]
    assert len(lines) >= 6
    ana = town.contributor("ana")
    town.trust(ana)
    token = ana.post("/me/tokens", {"label": "x", "scopes": ["read", "contribute", "moderate"]}).json["secret"]
    place = ana.add()
    (tmp_path / "lieu.json").write_text(json.dumps(feature("Épicerie du coin", kind="merchant", category="grocery")))
    for line in lines:
        line = (
            line.replace("$URL", address)
            .replace("$TOKEN", token)
            .replace("$PLACE", place)
            .replace("$EMAIL", "ana@example.org")
        )
        done = subprocess.run(
            [*shlex.split(line), "-sS", "--fail-with-body"], cwd=tmp_path, capture_output=True, text=True, timeout=30
        )
        assert done.returncode == 0, (line, done.stdout, done.stderr)
