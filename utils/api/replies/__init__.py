"""Every reply, by topic; the OpenAPI document is made of these and of the requests."""
