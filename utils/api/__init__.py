"""The wire format: requests, replies, the error body, the OpenAPI document."""
