"""What schemathesis has to know of the server beside its description; loaded by schemathesis itself."""

import os
import re

import schemathesis

# Of the token that the run has.
SCOPES = {"open", *os.environ.get("OPENAPI_SCOPES", "").split()}
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
        case.query["from"] = "0"  # which ends what would go on for ever


@schemathesis.check
def scope_held(context, response, case):
    """Nothing is reached without its scope, and all with it."""
    scope = case.operation.definition.raw["x-scope"]
    # A path that makes no sense is refused before anybody looks whose request it is.
    if response.status_code == 405 or (response.status_code == 400 and "in the path" in response.text):
        return
    is_reached = response.status_code not in (401, 403)
    assert is_reached == (scope in SCOPES), f"{scope} with {sorted(SCOPES)}: {response.status_code}"
