"""Requests made from the OpenAPI schema, right ones and wrong ones, and what is answered."""

import re

import pytest
import schemathesis
from fake_models import write_models
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import positive_data_acceptance

from service.app import create_app
from service.settings import ServiceSettings

# Schemathesis looks for constants in our code when it makes its first request.
pytestmark = pytest.mark.filterwarnings("ignore:Do not use the `random` module inside strategies")

# Words made of a schema name no model.
KNOWN = {"translation": "summer2winter", "name": "seasons:winter2summer"}


def operations():
    """Each with what can be made of it: right and wrong requests, names of ours or any words."""
    for path, methods in create_app(ServiceSettings()).openapi()["paths"].items():
        names = [name for name in re.findall(r"{(\w+)", path) if name in KNOWN]
        for method, description in methods.items():
            for given_names in [{}, {name: KNOWN[name] for name in names}][: 1 + bool(names)]:
                yield method, path, given_names, GenerationMode.POSITIVE
                # Of a path alone no wrong request can be made: any word is a name.
                query = [each for each in description.get("parameters", ()) if each["in"] != "path"]
                if query or "requestBody" in description:
                    yield method, path, given_names, GenerationMode.NEGATIVE


def check(models, method, path, names, mode, examples, **more):
    app = create_app(ServiceSettings(models=models))
    operation = schemathesis.openapi.from_asgi("/openapi.json", app)[path][method]

    @settings(
        max_examples=examples,
        deadline=None,
        phases=[Phase.explicit, Phase.generate],  # to shrink a failure would take minutes
        suppress_health_check=list(HealthCheck),
        **more,
    )
    @given(case=operation.as_strategy(mode, path_parameters=names or None))
    def every_answer_is_as_the_schema_says(case):
        # Bytes made of a schema are no picture, and are refused though the schema allows them.
        case.call_and_validate(excluded_checks=[positive_data_acceptance])

    every_answer_is_as_the_schema_says()


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    return write_models(tmp_path_factory.mktemp("models"))


@pytest.mark.parametrize(("method", "path", "names", "mode"), [*operations()])
def test_every_answer_is_as_the_schema_says(models, method, path, names, mode):
    check(models, method, path, names, mode, 10, derandomize=True, database=None)


@pytest.mark.long
@pytest.mark.parametrize(("method", "path", "names", "mode"), [*operations()])
def test_every_one_of_many_answers_is_as_the_schema_says(models, method, path, names, mode):
    check(models, method, path, names, mode, 300)
