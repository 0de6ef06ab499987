"""The web server: TLS and the supervisor of the processes."""
