"""Imports that are put off until they are first needed, by one thread at a time.

Where threads import modules that import each other, as the dialects of SQLAlchemy do, Python lets
one of them have a module that is only half there, or none.
"""

from __future__ import annotations

import threading

IMPORTS = threading.RLock()
"""Held around every import within a function, in what web processes load."""
