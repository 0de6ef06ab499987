"""The output and the prompts of `run.py`; nothing else imports it."""
