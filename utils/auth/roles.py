"""The roles of callers, from least to most."""

from __future__ import annotations

from typing import Literal

Role = Literal["read", "write", "admin"]
ROLES: tuple[Role, ...] = ("read", "write", "admin")  # each includes those before it
