"""Who may ask: the service's names, other websites' pages, and the token."""

import pytest

from salgan.errors import ConfigError
from salgan.serve import Access
from tests.serve.conftest import command, png, serving, until

PICTURE = png()
PNG = {"Content-Type": "image/png"}
TOKEN = "correct-horse-battery-staple"  # noqa: S105  (of this test)


def _post(client, **headers):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return client.post("/v1/predict", content=PICTURE, headers={**PNG, **named})


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site", "Origin": "http://localhost:3000"},
        {"Origin": "http://[broken"},
    ],
)
def test_another_websites_page_cannot_post(service, headers):
    response = _post(service, **headers)
    assert response.status_code == 403
    assert "--cors-origin" in response.json()["detail"]


def test_the_services_own_page_and_programs_can_post(service):
    own = str(service.base_url).rstrip("/")
    for headers in ({}, {"Origin": own}, {"Origin": own, "Sec_Fetch_Site": "same-origin"}):
        assert _post(service, **headers).status_code == 200
    # A proxy may hand on a name of its own; the browser knows that the page is the service's.
    headers = {"Origin": "https://images.example.org", "Sec_Fetch_Site": "same-origin"}
    assert _post(service, **headers).status_code == 200


def test_a_website_that_is_named_can_post_and_read_the_answer(predictor):
    with serving(predictor, access=Access(cors_origins={"https://app.example"})) as client:
        response = _post(client, Origin="https://app.example", Sec_Fetch_Site="cross-site")
        assert response.status_code == 200
        assert response.headers["access-control-allow-origin"] == "https://app.example"
        asked = client.options(
            "/v1/predict",
            headers={
                "Origin": "https://app.example",
                "Access-Control-Request-Method": "POST",
                "Access-Control-Request-Headers": "content-type",
            },
        )
        assert asked.status_code == 200
        assert _post(client, Origin="https://evil.example").status_code == 403


def test_a_name_that_a_proxy_hands_on_is_answered_to_once_it_is_allowed(predictor):
    names = {"localhost", "127.0.0.1", "images.example.org"}
    access = Access(hosts=names, public_hosts={"images.example.org"})
    with serving(predictor, access=access) as client:
        assert _post(client, Host="images.example.org").status_code == 200
        assert _post(client, Origin="https://images.example.org").status_code == 200
        refused = _post(client, Host="evil.example")
        assert refused.status_code == 421
        assert "--allow-host" in refused.json()["detail"]


def test_with_a_token_only_its_bearers_are_served(predictor):
    with serving(predictor, access=Access(token=TOKEN)) as client:
        for given in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": TOKEN}):
            refused = _post(client, **given)
            assert refused.status_code == 401
            assert refused.headers["www-authenticate"].startswith("Bearer")
        for path in ("/v1/models", "/metrics", "/openapi.json", "/page.json"):
            assert client.get(path).status_code == 401
        for path in ("/", "/healthz", "/static/app.js"):
            assert client.get(path).status_code == 200
        assert _post(client, Authorization=f"Bearer {TOKEN}").status_code == 200


@pytest.mark.parametrize("token", ["short", "long enough, but nön-ASCII", "a line\nbreak and so on"])
def test_a_token_that_is_no_secret_or_no_header_is_refused(token):
    with pytest.raises(ConfigError, match="SALGAN_TOKEN"):
        Access(token=token)


def test_an_origin_with_a_path_is_refused():
    with pytest.raises(ConfigError, match=r"https://example\.org"):
        Access(cors_origins={"https://example.org/page"})


def test_an_open_address_without_a_token_is_warned_of_and_with_one_asks_for_it(model, monkeypatch):
    import json

    import httpx

    everywhere = "0.0.0.0"  # noqa: S104  (that is what is tested)
    monkeypatch.delenv("SALGAN_TOKEN", raising=False)
    with command(model, "--host", everywhere) as (process, _):
        assert "SALGAN_TOKEN" in json.loads(process.stderr.readline())["message"]
    monkeypatch.setenv("SALGAN_TOKEN", TOKEN)
    with command(model, "--host", everywhere) as (process, url):
        url = url.replace(everywhere, "127.0.0.1")
        assert "Started" in json.loads(process.stderr.readline())["message"]
        until(lambda: httpx.get(f"{url}/healthz").status_code == 200)
        assert httpx.get(f"{url}/v1/models").status_code == 401
        bearer = {"Authorization": f"Bearer {TOKEN}"}
        assert httpx.get(f"{url}/v1/models", headers=bearer).status_code == 200
