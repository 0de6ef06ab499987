"""What callers may be allowed, from least to most."""

from __future__ import annotations

from typing import Literal

Role = Literal["read", "write", "admin"]
ROLES: tuple[Role, ...] = ("read", "write", "admin")  # each may do what those before it may
