"""The API's page for people says what the OpenAPI document says, without a script."""

import re
from html import escape

from salgan.serve.api_page import api_page


def test_it_names_every_route_parameter_and_answer(service):
    page, document = service.get("/api").text, service.get("/openapi.json").json()
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            assert f"{method.upper()} {path}" in page
            for parameter in operation.get("parameters", []):
                assert f"<code>{parameter['name']}</code>" in page
            for status in operation["responses"]:
                assert f"<code>{status}</code>" in page
    for name in ("focal_points", "centre_kept", "moved"):
        assert f"<code>{name}</code>" in page


def test_it_runs_no_script_and_loads_nothing_from_elsewhere(service):
    answer = service.get("/api")
    assert answer.headers["content-type"].startswith("text/html")
    assert "<script" not in answer.text
    assert not re.search(r'(?:src|href)="https?:', answer.text)
    assert "style=" not in answer.text
    for link in re.findall(r'(?:src|href)="(/[^"#]*)"', answer.text):
        assert service.get(link).status_code == 200, link


def test_its_links_within_the_page_lead_somewhere(service):
    page = service.get("/api").text
    targets = re.findall(r'href="#([^"]+)"', page)
    assert len(targets) > 5
    for target in targets:
        assert f'id="{target}"' in page


def test_whatever_the_document_holds_is_text():
    bad = "<script>alert(1)</script>"
    document = {
        "info": {"title": bad, "version": "1"},
        "paths": {
            f"/{bad}": {
                "get": {
                    "summary": bad,
                    "description": f"`{bad}`",
                    "parameters": [{"name": bad, "description": bad, "schema": {"type": bad}}],
                    "responses": {"200": {"description": bad}},
                }
            }
        },
    }
    page = api_page(document)
    assert bad not in page
    assert escape(bad) in page
