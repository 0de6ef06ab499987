"""Requests that are almost HTTP, sent to a service over plain sockets."""
