"""Every request, by topic; the OpenAPI document is made of these and of the replies."""
