"""The forms in which people write dates, as patterns with named groups.

Groups: y, m, d (of several `m` one matches), name (of a month), w and wd (week and weekday); H, M,
S, half and zone of the time. A pattern holds for a whole text, in any case.
"""

from __future__ import annotations

_MONTHS = (
    ("jan", "january", "januar", "jänner", "jaenner", "janv", "janvier"),
    ("feb", "february", "februar", "feber", "févr", "février"),
    ("mar", "march", "mär", "märz", "mrz", "maerz", "mrt", "mars"),
    ("apr", "april", "avr", "avril"),
    ("may", "mai"),
    ("jun", "june", "juni", "juin"),
    ("jul", "july", "juli", "juil", "juillet"),
    ("aug", "august", "août"),
    ("sep", "sept", "september", "septembre"),
    ("oct", "october", "okt", "oktober", "octobre"),
    ("nov", "november", "novembre"),
    ("dec", "december", "dez", "dezember", "déc", "décembre"),
)
MONTH_OF = {name: number for number, names in enumerate(_MONTHS, 1) for name in names}

_WEEKDAY = (
    r"mon(?:day|tag)?|tue(?:s(?:day)?)?|wed(?:nesday)?|thu(?:r(?:s(?:day)?)?)?|fri(?:day)?"
    r"|sat(?:urday)?|sun(?:day)?|mo|di(?:enstag)?|mi(?:ttwoch)?|do(?:nnerstag)?|fr(?:eitag)?"
    r"|sa(?:mstag)?|so(?:nn(?:tag|abend))?|[月火水木金土日](?:曜日?)?|(?:星期|周|週)[一二三四五六日天]"
)
_BEFORE = rf"(?:\(?(?:{_WEEKDAY}|\pL{{2,10}})\)?[.,]?\s+)?"
_AFTER = rf"(?:[\s,]*\(?(?:{_WEEKDAY})\.?\)?)?"
_ZONE = (
    r"(?:\s*(?P<zone>Z|UTC|GMT|(?:UTC|GMT)?[+\-\x{2212}]\d{2}(?::?\d{2})?(?::\d{2})?)"
    r"(?:\s*[\[(][^\])]*[\])])?)?(?:\s+(?:CES?T|MES?Z|WES?T|EES?T|GMT|BST|MSK|[ECMP][SD]T|AK[SD]T"
    r"|HST|IST|JST|KST|HKT|SGT|AE[SD]T|AC[SD]T|AWST|NZ[SD]T))?"
)
_TIME = (
    rf"{_AFTER}(?:(?:\s*[T,]\s*|\s+)(?P<H>\d{{1,2}})(?:[:.h時时点]?(?P<M>\d{{2}}))?"
    r"(?:[:.分]?(?P<S>\d{2})(?:[.,]\d+)?)?[分秒]?\s*(?P<half>[ap]\.?m\.?)?(?:\s*Uhr)?"
    rf"{_ZONE})?\s*$"
)
_YEAR, _TWO = r"(?P<y>\d{4})", r"\d{1,2}"
_YEARS, _NAME = r"(?P<y>\d{4}|\d{2})", r"(?P<name>\pL{3,9})\.?"
_WEEK = r"(?:W|WK|KW|CW|Week|Woche)"
# In the order in which they are tried; the first that fits all values is taken.
FORMS: dict[str, str] = {
    "y-m-d": rf"{_YEAR}(?:-(?P<m>{_TWO})-|/(?P<m2>{_TWO})/|\.\s?(?P<m3>{_TWO})\.\s?)"
    rf"(?P<d>{_TWO})\.?{_TIME}",
    "yyyymmdd": rf"{_YEAR}(?P<m>\d{{2}})(?P<d>\d{{2}}){_TIME}",
    "yyyymmddhhmm": rf"{_YEAR}(?P<m>\d{{2}})(?P<d>\d{{2}})(?P<H>\d{{2}})(?P<M>\d{{2}})"
    r"(?P<S>\d{2})?(?P<half>)(?P<zone>Z?)\s*$",
    "y-m": rf"{_YEAR}(?:[-/. ]M?|M)(?P<m>{_TWO})\s*$",
    "yyyymm": rf"{_YEAR}(?P<m>\d{{2}})\s*$",
    "m/y": rf"M?(?P<m>{_TWO})[-/. ](?P<y>\d{{4}})\s*$",
    "ISO week": rf"{_YEAR}(?:[- /.]?{_WEEK}[-. ]?(?P<w>{_TWO})(?:-(?P<wd>[1-7]))?"
    rf"|\s?年\s?第?\s?(?P<w2>{_TWO})\s?[周週])\s*$",
    "week/y": rf"(?:{_WEEK}[-. ]*(?P<w>{_TWO})|(?P<w2>{_TWO})\.?\s?{_WEEK})[-/.,' ]+{_YEARS}\s*$",
    "d month y": rf"{_BEFORE}(?P<d>{_TWO})(?:\.|st|nd|rd|th)?[ \-/.]?\s*{_NAME}[ \-/,.]*"
    rf"{_YEARS}{_TIME}",
    "month d, y": rf"{_BEFORE}{_NAME}[ \-]*(?P<d>{_TWO})(?:st|nd|rd|th)?(?:,\s*|\s+|-)"
    rf"{_YEAR}{_TIME}",
    "month d h:m y": rf"{_BEFORE}{_NAME}\s+(?P<d>{_TWO})\s+(?P<H>{_TWO}):(?P<M>\d{{2}})"
    rf"(?::(?P<S>\d{{2}}))?(?P<half>)(?P<zone>)(?:\s+[A-Z]{{2,5}})?\s+{_YEAR}\s*$",
    "month y": rf"{_NAME}[ \-/,.']*{_YEARS}\s*$",
    "y month": rf"{_YEAR}[ \-/,.]*{_NAME}\s*$",
    "年月日": rf"{_YEAR}\s*[年년]\s*(?P<m>{_TWO})\s*[月월]\s*(?P<d>{_TWO})\s*[日일]?{_TIME}",
    "年月": rf"{_YEAR}\s*[年년]\s*(?P<m>{_TWO})\s*[月월]\s*$",
}
# Taken where the column is one of weeks, or the numbers cannot be those of months.
WEEK_NUMBERS: dict[str, str] = {
    "year and week": rf"{_YEAR}[-/. ]?(?P<w>{_TWO})\s*$",
    "week and year": rf"(?P<w>{_TWO})[-/. ](?P<y>\d{{4}})\s*$",
}
NUMERIC = (
    rf"{_BEFORE}(?P<a>{_TWO})(?P<mark>[-/.])\s?(?P<b>{_TWO})[-/.]\s?(?P<c>\d{{4}}|\d{{2}})\.?"
    rf"{_TIME}"
)
