"""What schemathesis has to know of the server beside its description; loaded by schemathesis itself."""

import json
import os
import re

import schemathesis

# {token: its scopes in the words of the description}, that of the run first; "" is no token.
TOKENS = {token: {"open", *scopes} for token, scopes in json.loads(os.environ["OPENAPI_TOKENS"]).items()}
# Of a stream and of a segment that there are.
NAME, SEGMENT = os.environ.get("OPENAPI_NAME"), os.environ.get("OPENAPI_SEGMENT")
# Nobody answers there, and nothing leaves this machine.
NOWHERE = "127.0.0.1:9"


def make_strict(schema):
    """An answer has the fields that are described, and no others."""
    if isinstance(schema, dict):
        if "properties" in schema:
            schema.setdefault("additionalProperties", False)
        for value in schema.values():
            make_strict(value)
    elif isinstance(schema, list):
        for value in schema:
            make_strict(value)


@schemathesis.hook
def before_load_schema(context, raw_schema):
    parameters = raw_schema["components"]["parameters"]
    make_strict(raw_schema)
    if NAME:
        parameters["Name"]["example"] = NAME
    if SEGMENT:
        parameters["SegmentId"]["example"] = SEGMENT


@schemathesis.hook
def before_call(context, case, kwargs):
    url = case.body.get("url") if isinstance(case.body, dict) else None
    if isinstance(url, str):
        case.body["url"] = re.sub(r"(://[^/?#]*@|://)[^/?#]*", rf"\g<1>{NOWHERE}", url, count=1)
    if isinstance(case.query, dict) and "live" in case.query:
        case.query["from"] = "1"  # so that it is refused: it would go on for ever


def is_reached(response):
    """None where nobody looks whose request it is: nothing has that method, or the path makes no sense."""
    if response.status_code == 405 or (response.status_code == 400 and "in the path" in response.text):
        return None
    return response.status_code not in (401, 403)


@schemathesis.check
def scope_held(context, response, case):
    """Nothing is reached without its scope, and all with it: the same is asked with each token that lacks it."""
    scope = case.operation.definition.raw["x-scope"]
    own, *others = TOKENS
    assert is_reached(response) in (None, scope in TOKENS[own]), f"{scope}: {response.status_code}"
    for token in others:
        if scope not in TOKENS[token] and is_reached(response):
            headers = {"Authorization": f"Bearer {token}"} if token else {"Authorization": ""}
            refusal = case.call(headers=headers)
            expected = 403 if token else 401
            assert refusal.status_code == expected, f"{scope} with {sorted(TOKENS[token])}: {refusal.status_code}"
