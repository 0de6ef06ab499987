"""What replies say of rate limits, and where they never count."""

RATE_HEADERS = ("RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset", "RateLimit-Policy")
EXEMPT = ("/health/live", "/health/ready")  # whoever probes must hear of the service alone
