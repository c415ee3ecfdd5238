"""JSON Schemas, as far as ours go: what they are, and whether a value fits."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from mgdl_theory.certificate import schema


def fits(value: Any, rule: Any, root: dict[str, Any]) -> bool:
    """Whether a value fits a JSON Schema, for the keywords that the file uses."""
    if isinstance(rule, bool):
        return rule
    if "$ref" in rule:
        return fits(value, root["$defs"][rule["$ref"].rpartition("/")[2]], root)
    types = {"object": dict, "array": list, "string": str, "integer": int, "null": type(None)}
    known = {
        "$schema", "$defs", "title", "description", "type", "const", "enum", "properties", "required", "items", "not",
        "additionalProperties", "prefixItems", "minItems", "maxItems", "uniqueItems", "minimum", "maximum", "pattern",
        "maxLength", "oneOf",
    }  # fmt: skip
    assert set(rule) <= known, set(rule) - known
    tests = [
        "type" not in rule or (isinstance(value, types[rule["type"]]) and not isinstance(value, bool)),
        "const" not in rule or value == rule["const"],
        "enum" not in rule or value in rule["enum"],
        "not" not in rule or not fits(value, rule["not"], root),
        "oneOf" not in rule or sum(fits(value, r, root) for r in rule["oneOf"]) == 1,
    ]
    if isinstance(value, dict):
        properties, more = rule.get("properties", {}), rule.get("additionalProperties", True)
        tests.append(set(rule.get("required", ())) <= set(value))
        tests += [fits(item, properties.get(key, more), root) for key, item in value.items()]
    if isinstance(value, list):
        first = rule.get("prefixItems", [])
        tests += [fits(item, own, root) for item, own in zip(value, first, strict=False)]
        tests += [fits(item, rule.get("items", True), root) for item in value[len(first) :]]
        tests.append(rule.get("minItems", 0) <= len(value) <= rule.get("maxItems", len(value)))
        tests.append(not rule.get("uniqueItems") or len(set(map(str, value))) == len(value))
    if isinstance(value, str):
        tests.append("pattern" not in rule or re.search(rule["pattern"], value) is not None)
        tests.append(len(value) <= rule.get("maxLength", len(value)))
    if type(value) is int:
        tests.append(rule.get("minimum", value) <= value <= rule.get("maximum", value))
    return all(tests)


def rule_of(name: str) -> dict[str, Any]:
    """The schema of certificates, or of refutations."""
    path = Path(str(schema.__file__)).with_name(f"{name}.schema.json")
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found
