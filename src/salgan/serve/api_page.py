"""The OpenAPI document as a page for people: HTML that runs no script and loads nothing from elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any

__all__ = ["api_page"]

_Document = Mapping[str, Any]


def api_page(document: _Document) -> str:
    """Write the API's description as a page.

    Args:
        document: an OpenAPI document (3.1).

    Returns:
        HTML, with the service's own style sheet.
    """
    operations = [
        (path, method, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]
    contents = "".join(
        f'<li><a href="#{_anchor(method, path)}"><code>{method.upper()} {escape(path)}</code></a> '
        f"{escape(operation.get('summary', ''))}</li>"
        for path, method, operation in operations
    )
    sections = "".join(_operation(document, *each) for each in operations)
    title = f"{document['info']['title']} {document['info']['version']}"
    return f"""<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <meta name="color-scheme" content="light dark">
  <title>{escape(title)} · API</title>
  <link rel="icon" href="/static/icon.svg" type="image/svg+xml">
  <link rel="stylesheet" href="/static/style.css">
  <link rel="stylesheet" href="/static/api.css">
</head>
<body class="api">
  <header class="top">
    <h1><img src="/static/icon.svg" alt="" width="28" height="28">salgan</h1>
    <p>The API</p>
    <nav aria-label="Service"><a href="/">Page</a> <a href="/openapi.json">OpenAPI document</a></nav>
  </header>
  <main>
    <ul class="contents">{contents}</ul>
    {sections}
  </main>
</body>
</html>
"""


def _anchor(method: str, path: str) -> str:
    return escape(f"{method}{path.replace('/', '-')}")


def _operation(document: _Document, path: str, method: str, operation: _Document) -> str:
    parts = [
        f'<section id="{_anchor(method, path)}">',
        f"<h2><code>{method.upper()} {escape(path)}</code></h2>",
        f"<p>{escape(operation.get('summary', ''))}</p>",
        *(f"<p>{_code(text)}</p>" for text in operation.get("description", "").split("\n\n") if text),
    ]
    if parameters := operation.get("parameters"):
        rows = [
            (
                f"<code>{escape(each['name'])}</code>",
                escape(_kind(document, each.get("schema", {}))),
                _code(each.get("description", "")),
            )
            for each in parameters
        ]
        parts.append(_table("Parameters", ("name", "type", "meaning"), rows))
    if body := operation.get("requestBody"):
        parts.append("<h3>Body</h3>")
        if body.get("description"):
            parts.append(f"<p>{_code(body['description'])}</p>")
        parts.append("<ul>")
        for media_type, content in body["content"].items():
            parts.append(f"<li><code>{escape(media_type)}</code>{_fields(document, content['schema'])}</li>")
        parts.append("</ul>")
    rows = [
        (
            f"<code>{escape(status)}</code>",
            _code(response.get("description", "")),
            "<br>".join(
                f"<code>{escape(media_type)}</code> {escape(_kind(document, content.get('schema', {})))}"
                for media_type, content in response.get("content", {}).items()
            ),
        )
        for status, response in operation["responses"].items()
    ]
    parts.append(_table("Answers", ("status", "meaning", "form"), rows))
    first = operation["responses"].get("200", {}).get("content", {}).get("application/json", {})
    if fields := _fields(document, first.get("schema", {})):
        parts.append(f"<h3>The JSON</h3>{fields}")
    return "".join([*parts, "</section>"])


def _fields(document: _Document, schema: _Document, above: tuple[str, ...] = ()) -> str:
    """A schema's fields as a list, each with the fields inside it."""
    schema, name = _resolved(document, schema)
    if name in above:
        return ""
    above = (*above, name) if name else above
    if schema.get("type") == "array":
        return _fields(document, schema.get("items", {}), above)
    properties = schema.get("properties")
    if not properties:
        return ""
    required = schema.get("required", [])
    items = []
    for key, value in properties.items():
        wanted = "" if key in required else ", optional"
        says = _code(value.get("description") or _resolved(document, value)[0].get("description", ""))
        items.append(
            f"<li><code>{escape(key)}</code> "
            f'<span class="fine">{escape(_kind(document, value))}{wanted}</span> '
            f"{says}{''.join(_fields(document, each, above) for each in _choices(value))}</li>"
        )
    return f"<ul>{''.join(items)}</ul>"


def _choices(schema: _Document) -> Iterator[_Document]:
    yield from schema.get("anyOf", [schema])


def _resolved(document: _Document, schema: _Document) -> tuple[_Document, str]:
    """What a reference stands for, and its name; a schema of its own has none."""
    reference = schema.get("$ref", "")
    if not reference:
        return schema, ""
    name = reference.rpartition("/")[2]
    return document["components"]["schemas"][name], name


def _kind(document: _Document, schema: _Document) -> str:
    """A schema in a few words: "number, 0 to 1"."""
    if "anyOf" in schema:
        return " or ".join(_kind(document, each) for each in schema["anyOf"])
    found, _ = _resolved(document, schema)
    if "enum" in found or "const" in found:
        return ", ".join(str(each) for each in found.get("enum", [found.get("const")]))
    kind = str(found.get("format") if found.get("format") == "binary" else found.get("type", ""))
    if kind == "array":
        return f"list of {_kind(document, found.get('items', {}))}"
    low, high = found.get("minimum"), found.get("maximum")
    if low is not None and high is not None:
        return f"{kind}, {low:g} to {high:g}"
    return f"{kind}, at least {low:g}" if low is not None else kind


def _table(title: str, header: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    head = "".join(f'<th scope="col">{each}</th>' for each in header)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f"<h3>{title}</h3><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _code(text: str) -> str:
    """Text whose words between backticks are code."""
    words = escape(text).split("`")
    return "".join(f"<code>{word}</code>" if place % 2 else word for place, word in enumerate(words))
