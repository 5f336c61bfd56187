"""The service keeps what its own OpenAPI document promises, whatever is sent (schemathesis)."""

import pytest

schemathesis = pytest.importorskip("schemathesis", reason="schemathesis is not installed")

from hypothesis import HealthCheck, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402
from schemathesis.specs.openapi.checks import positive_data_acceptance  # noqa: E402

from salgan.serve import create_app  # noqa: E402
from tests.serve.conftest import png  # noqa: E402

PICTURES = [png(8, 6, seed) for seed in range(3)]


def _cut(picture, at):
    return picture[:at]


CONTENTS = st.one_of(
    st.sampled_from(PICTURES),
    st.builds(_cut, st.sampled_from(PICTURES), st.integers(0, 400)),
    st.binary(max_size=200),
)
for media_type in ("image/jpeg", "image/png", "image/webp", "image/tiff", "image/bmp", "image/gif"):
    schemathesis.openapi.media_type(media_type, CONTENTS)
for media_type in ("application/pdf", "application/octet-stream"):
    schemathesis.openapi.media_type(media_type, CONTENTS)


@schemathesis.deserializer("image/png", "image/tiff", "application/x-npy", "text/csv", "text/plain")
def _as_it_is(context, response):
    return response.content.decode("latin-1")  # any bytes make a string


class NoModel:
    """The document does not depend on the model."""

    name = "none"


schema = schemathesis.openapi.from_dict(create_app(NoModel()).openapi())


@schema.parametrize()
@settings(max_examples=25, suppress_health_check=list(HealthCheck))
def test_every_answer_is_one_that_the_document_describes(case, service, quick_transport):
    # A picture that is bytes and a box that is text fit the document and may still be none.
    case.call_and_validate(base_url=str(service.base_url), excluded_checks=[positive_data_acceptance])


def test_the_document_describes_every_route(service):
    document = service.get("/openapi.json").json()
    assert set(document["paths"]) == {
        "/v1/predict",
        "/v1/regions",
        "/v1/crop",
        "/v1/focal",
        "/v1/suggest",
        "/v1/ab",
        "/v1/batch",
        "/v1/models",
        "/healthz",
        "/readyz",
        "/metrics",
    }
    for path in ("/v1/predict", "/v1/regions", "/v1/crop", "/v1/focal", "/v1/suggest"):
        operation = document["paths"][path]["post"]
        assert {"413", "415", "422", "503", "504"} <= set(operation["responses"])
        assert set(operation["responses"]["413"]["content"]) == {"application/problem+json"}
        assert {"image/jpeg", "multipart/form-data"} <= set(operation["requestBody"]["content"])
