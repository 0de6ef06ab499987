"""What a look at the whole service found: problems, notes, and how each can be mended."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from utils.errors import ServiceError

Mend = Callable[[], str]  # mends it, and says what it did


@dataclass(frozen=True)
class Finding:
    """Something that is not as it should be, or (a note) that is only worth knowing."""

    subject: str
    problem: str
    advice: str
    mend: Mend | None = None
    is_note: bool = False

    def to_document(self) -> dict[str, Any]:
        """What `--json` prints of it."""
        return {
            "kind": "note" if self.is_note else "problem",
            "subject": self.subject,
            "problem": self.problem,
            "advice": self.advice,
            "can_be_repaired": self.mend is not None,
        }


@dataclass
class Report:
    """What was looked at and found, and what was mended of it."""

    checked: Counter[str] = field(default_factory=Counter)  # noun → count; "bytes"
    findings: list[Finding] = field(default_factory=list)
    repairs: list[str] = field(default_factory=list)
    mended: list[Finding] = field(default_factory=list)

    def problem(self, subject: str, problem: str, advice: str, mend: Mend | None = None) -> None:
        """Add something that is not as it should be."""
        self.findings.append(Finding(subject, problem, advice, mend))

    def note(self, subject: str, problem: str, advice: str) -> None:
        """Add something that is worth knowing."""
        self.findings.append(Finding(subject, problem, advice, is_note=True))

    def repair(self, tell: Callable[[str], None]) -> None:
        """Mend what can be mended; one that fails fails no other."""
        for finding in self.findings:
            if finding.mend is None:
                continue
            tell(finding.subject)
            try:
                self.repairs.append(f"{finding.subject}: {finding.mend()}")
                self.mended.append(finding)
            except ServiceError as error:
                self.repairs.append(f"{finding.subject}: not mended. {error.message}")

    @property
    def is_clean(self) -> bool:
        """Whether nothing is left that is not as it should be."""
        return all(finding.is_note or finding in self.mended for finding in self.findings)

    def to_document(self) -> dict[str, Any]:
        """What `--json` prints."""
        return {
            "clean": self.is_clean,
            "checked": dict(self.checked),
            "findings": [finding.to_document() for finding in self.findings],
            "repairs": self.repairs,
        }
