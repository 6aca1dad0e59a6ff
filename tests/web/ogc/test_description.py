"""The OpenAPI description: valid, and true of what the application answers."""

from __future__ import annotations

import json

import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from openapi_spec_validator import OpenAPIV30SpecValidator
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.web.ogc.planting import told

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
WRITING = ("POST /collections", "PUT ", "PATCH ", "DELETE ")
EXAMPLES = 30


def test_the_description_is_valid(atlas):
    OpenAPIV30SpecValidator(told(atlas.client, "/api")).validate()


def asked(client, chosen, headers):
    """Labels of the operations that were tried with drawn requests; an answer that the description does not have is an error."""
    schema = schemathesis.openapi.from_dict(told(client, "/api"))
    schema.app = client.application
    labels = []
    for result in schema.get_all_operations():
        operation = result.ok()
        if chosen(operation.label):
            labels.append(operation.label)
            _try(operation, headers)
    return labels


def _try(operation, headers):
    unhurried = settings(
        max_examples=EXAMPLES, deadline=None, derandomize=True, database=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip

    @unhurried
    @given(case=operation.as_strategy())
    def answered(case):
        case.validate_response(case.call(headers={"Accept-Encoding": "identity", **headers}), checks=CHECKS)

    answered()


def test_whatever_is_asked_the_answer_is_one_that_the_description_has(atlas):
    labels = asked(atlas.client, lambda label: not label.startswith(WRITING), {})
    assert {
        "GET /",
        "GET /collections/places/items",
        "GET /collections/communes/items/{featureId}",
        "POST /search",
    } <= set(labels)


def test_whatever_is_written_the_answer_is_one_that_the_description_has(client, database, planted, key):
    labels = asked(client, lambda label: label.startswith(WRITING), key)
    assert [label.split()[0] for label in labels] == ["POST", "PUT", "PATCH", "DELETE"]
    stored = database.rows("SELECT count(*) FROM geoplatform.place WHERE status = 'published'")[0][0]
    assert json.loads(client.get("/ogc/collections/places/items").data)["numberMatched"] == stored
