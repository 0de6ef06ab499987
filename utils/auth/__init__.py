"""API keys, tickets, tokens of an OpenID provider, and the caller that they identify."""
