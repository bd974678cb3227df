"""Reads OTLP requests with the protocol's own classes: hex, one a line, on standard input; JSON, one span a line, out."""

import json
import sys

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


def value(any_value):
    kind = any_value.WhichOneof("value")
    return getattr(any_value, kind) if kind else None


def pairs(attributes):
    return {pair.key: value(pair.value) for pair in attributes}


for line in sys.stdin:
    request = ExportTraceServiceRequest()
    request.ParseFromString(bytes.fromhex(line))
    # What the protocol does not know stays behind, byte for byte, when it is written again.
    assert request.SerializeToString() == bytes.fromhex(line), "there are fields that the protocol does not have"
    for resource in request.resource_spans:
        for scope in resource.scope_spans:
            for span in scope.spans:
                print(json.dumps({
                    "resource": pairs(resource.resource.attributes),
                    "scope": scope.scope.name,
                    "trace": span.trace_id.hex(),
                    "id": span.span_id.hex(),
                    "parent": span.parent_span_id.hex(),
                    "name": span.name,
                    "kind": span.kind,
                    "begun": span.start_time_unix_nano,
                    "ended": span.end_time_unix_nano,
                    "facts": pairs(span.attributes),
                    "links": [{"trace": link.trace_id.hex(), "id": link.span_id.hex(), "facts": pairs(link.attributes)} for link in span.links],
                    "status": span.status.code,
                    "said": span.status.message,
                }))
