"""YAML as people mean it in a recipe: names stay text, and nothing is decided silently."""

from __future__ import annotations

import re
from typing import Any

import yaml

__all__ = ["as_yaml", "parse_yaml"]

_PLAIN = {
    # YAML 1.1 has more of each: yes, no and on; 0o17, 1_000 and 1:30; dates. A folder may be called so.
    "bool": (r"true|True|TRUE|false|False|FALSE", "tTfF"),
    "null": (r"~|null|Null|NULL|", "~nN\0"),
    # 18 digits fit into 64 bits; a longer one, or one with zeros in front, is somebody's name.
    "int": (r"[-+]?(0|[1-9][0-9]{0,17})", "-+0123456789"),
    # YAML 1.1 wants a dot in 3e-4.
    "float": (
        r"[-+]?(\.[0-9]+|[0-9]+\.[0-9]*)([eE][-+]?[0-9]+)?|[-+]?[0-9]+[eE][-+]?[0-9]+|[-+]?\.inf|\.nan",
        "-+.0123456789",
    ),
    "merge": (r"<<", "<"),
}


def parse_yaml(text: str) -> Any:
    """Read one YAML document as plain values.

    Args:
        text: the document.

    Raises:
        ValueError: the text is not YAML, a value does not fit its tag, or a key is given twice; the message
            is one line.
    """
    try:
        return yaml.load(text, Loader=_Loader)  # noqa: S506  # a SafeLoader
    except yaml.YAMLError as error:
        raise ValueError(f"not YAML ({' '.join(str(error).split())})") from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        # Tags such as !!bool or !!timestamp in front of what is not one.
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ValueError(f"not YAML that can be read ({reason})") from None


def as_yaml(value: Any) -> str:
    """Write plain values as YAML that :func:`parse_yaml`, and any other parser, reads back as the same."""
    text: str = yaml.dump(value, Dumper=_Dumper, sort_keys=False)
    return text


class _Loader(yaml.SafeLoader):
    """Plain values by :data:`_PLAIN` alone."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012  # the name is PyYAML's

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Refuse a key that is given twice, where PyYAML would silently take the last one."""
        seen: dict[Any, int] = {}
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.tag == "tag:yaml.org,2002:merge":
                continue
            line = key.start_mark.line + 1
            if key.value in seen:
                raise yaml.YAMLError(f"{key.value} is given twice, in lines {seen[key.value]} and {line}")
            seen[key.value] = line
        return super().construct_mapping(node, deep)


class _Dumper(yaml.SafeDumper):
    """Quotes text that YAML 1.1 or :data:`_PLAIN` would take for something else."""


for _kind, (_pattern, _first) in _PLAIN.items():
    for _class in (_Loader, _Dumper):
        _class.add_implicit_resolver(
            f"tag:yaml.org,2002:{_kind}",
            re.compile(rf"^(?:{_pattern})$"),
            [each if each != "\0" else "" for each in _first],
        )
