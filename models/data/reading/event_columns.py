"""The columns of an event log, recognised by their names or named by the request.

A table is an event log if it has a start and a finish, or a unit, a state and the time of its
change, and no column of WIP.

>>> roles_of(["ID", "Activated", "Closed"])
{'unit': 'ID', 'start': 'Activated', 'finish': 'Closed'}
>>> roles_of(["date", "plant", "application", "panel_size", "wip", "throughput"]) is None
True
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from json import dumps

from models.data.reading.column_names import canonical_name, folded
from models.series.panel import SERIES_FIELDS
from utils.api.parsing import unknown
from utils.errors import Detail, InvalidInput

TIMES = ("start", "finish", "time")
ROLES = ("unit", "start", "finish", "time", "step", "quantity", *SERIES_FIELDS)

# Names as people have them, folded to letters and digits.
_SYNONYMS: dict[str, str] = {
    "unit": "unit unitid"
    " lot lotid lotno lotnumber id case caseid ticket ticketid key issue issuekey"
    " issueid order orderid orderno ordernumber workorder workorderid job jobid wafer waferid"
    " serial serialno serialnumber sn item itemid batch batchid card cardid container patient"
    " patientid stay visit visitid admission admissionid caseconceptname los losnr losnummer"
    " auftrag auftragsnummer auftragsnr charge chargennummer seriennummer fall fallnummer"
    " vorgang fertigungsauftrag wo wono wonumber workorderno workordernumber jobno jobnumber"
    " orderid ordernumber ticketno ticketnumber incident incidentid number no nr belegnummer"
    " 批次 批号 批號 批次号 批次號 工单 工單 工单号 工單號"
    " ロット ロット番号 ロットno 製造番号 指図番号",
    "start": "start started"
    " startdate starttime startdatetime startedat startts starttimestamp begin"
    " begindate begintime began activated activateddate opened openedat opendate created"
    " createdat createddate creationdate released releasedate releasetime releasedat arrival"
    " arrivaltime arrivaldate arrived admitted admissiondate admissiontime in intime indate"
    " timein datein trackin trackintime checkin checkintime entered entrydate entrytime"
    " moveintime movein beginn startdatum startzeit startzeitpunkt anfang eingang"
    " eingangsdatum begonnen actualstart actualstartdate actualstarttime startactual iststart"
    " iststarttermin istbeginn starttermin begintermin freigabedatum freigabetermin 开始 开始时间"
    " 开始日期 開始 開始時間 開始日 開始日時 投入 投入时间 投入時間 投入日期 投入日 投入日時"
    " 着手 着手日 着手日時 开工时间 开工日期 開工時間 開工日期",
    "finish": "finish finished"
    " finishdate finishtime finishedat end ended enddate endtime endedat endts"
    " endtimestamp closed closedat closedate closeddate done donedate doneat completed"
    " completedat completeddate completiondate completiontime complete resolved resolvedat"
    " resolutiondate delivered deliveredat deliverydate departure departuretime departed"
    " discharged dischargedate dischargetime out outtime outdate timeout dateout trackout"
    " trackouttime checkout checkouttime left exitdate exittime moveout moveouttime shipped"
    " shipdate ende enddatum endzeit endzeitpunkt ausgang ausgangsdatum fertig fertigdatum"
    " actualfinish actualfinishdate actualfinishtime actualend actualenddate actualendtime"
    " finishactual istende istendtermin endtermin fertigstellungstermin rückmeldedatum"
    " beendet abgeschlossen 产出时间 产出日期 產出時間 產出日期 完成日 完成日期 完了日 完了日時"
    " 完工时间 完工日期 完工時間 结束日期 結束日期 終了日"
    " 结束 结束时间 結束 結束時間 完成 完成时间 完成時間 終了 終了日時 完了",
    "time": "time timestamp datetime changed changedat changedate changetime transition"
    " transitiondate transitiontime date when at eventtime timetimestamp zeitpunkt zeit datum"
    " 时间 時間 日時",
    "step": "step stepname operation operationname activity activityname station stationname"
    " workstation workcenter workcentre processstep process stage task phase state status"
    " tostate tostatus newstate newstatus to column conceptname schritt arbeitsgang"
    " arbeitsschritt arbeitsplatz vorgangsname zustand 工序 工站 站点 站點 工程 状态 狀態",
    "quantity": "quantity"
    " qty pieces pcs units lotsize size count amount menge stück stueck stk anzahl"
    " losgröße losgroesse 数量 數量",
}
# Names of units only where no other column is one.
_VAGUE = {"number", "no", "nr"}
_OF_STATES = {"state", "status", "tostate", "tostatus", "newstate", "newstatus", "to", "column"}
_ROLE = {
    folded(name): role
    for role in ("time", "quantity", "step", "unit", "finish", "start")
    for name in _SYNONYMS[role].split()
}


def roles_of(
    names: Sequence[str], given: Mapping[str, str | None] | None = None
) -> dict[str, str] | None:
    """Return role → column of an event log; None: the table is none.

    Args:
        names: of the columns.
        given: role → column, as the request names them; None: none is to be read.

    Raises:
        InvalidInput: a named column is missing; the log lacks a column; or two have one role.
    """
    given = given or {}
    reads_wip = given.get("wip", "") is not None
    if (reads_wip and any(canonical_name(name) == "wip" for name in names)) or not names:
        return None
    given = {role: name for role, name in given.items() if role in ROLES}
    roles = _found(names, given)
    asked = {"unit", "start", "finish", "time", "step"} & {role for role in given if given[role]}
    has_span, has_change = {"start", "finish"} <= set(roles), {"unit", "time", "step"} <= set(roles)
    if not has_span and not has_change and not asked and not {"unit", "start"} <= set(roles):
        return None
    if has_span:
        roles.pop("time", None)
    elif has_change and "start" not in roles:
        return roles
    _expect(roles, names)
    return roles


def _found(names: Sequence[str], given: Mapping[str, str | None]) -> dict[str, str]:
    roles = {role: name for role, name in given.items() if name is not None}
    missing = [role for role, name in roles.items() if name not in names]
    if missing:
        role = missing[0]
        rule = f"names {role} {roles[role]!r}, which {unknown(roles[role], set(names))}"
        raise InvalidInput.of("columns", f"{rule} The table has {', '.join(names[:20])}")
    taken = set(roles.values())
    for role in ROLES:
        if role in given:
            continue
        fitting = [n for n in names if n not in taken and _role(n) == role]
        if len(fitting) > 1:
            exact = _clearest(role, fitting)
            if len(exact) != 1:
                raise InvalidInput.of(
                    "columns",
                    f"must name the column of {role}: {' and '.join(map(repr, fitting[:4]))} look "
                    f'like it. Example: columns={{"{role}": "{fitting[0]}"}}; or, where one has '
                    f'the day and one the time, columns={{"{role}": {dumps(fitting[:2])}}}',
                )
            fitting = exact
        if fitting:
            roles[role] = fitting[0]
            taken.add(fitting[0])
    return roles


def _clearest(role: str, names: list[str]) -> list[str]:
    """The names that are the role's own, else of actual times, else those that are not vague."""
    exact = [name for name in names if folded(name) == role.replace("_", "")]
    actual = [name for name in names if folded(name).startswith(("actual", "ist"))]
    return exact or actual or [name for name in names if folded(name) not in _VAGUE]


@lru_cache(10_000)
def meaning_of(name: str) -> str | None:
    """Return the column that a name means, in a table of series or in an event log."""
    return canonical_name(name) or _ROLE.get(folded(name))


def _role(name: str) -> str | None:
    known = canonical_name(name)
    return known if known in SERIES_FIELDS else _ROLE.get(folded(name))


def _expect(roles: Mapping[str, str], names: Sequence[str]) -> None:
    """Raise InvalidInput if a log of starts and finishes lacks one of its columns."""
    missing = [role for role in ("unit", "start", "finish") if role not in roles]
    if not missing:
        return
    meaning = {
        "unit": "an identifier of each unit (lot, order, ticket)",
        "start": "the time at which each unit came",
        "finish": "the time at which each unit left, blank while it is in process",
    }
    found = ", ".join(f"{role} is {name!r}" for role, name in roles.items())
    raise InvalidInput(
        f"The event log lacks the column {missing[0]}: {meaning[missing[0]]}. Found: "
        f'{found or "none"}. Name it if it is there: columns={{"{missing[0]}": "…"}}; the table '
        f"has {', '.join(names[:20])}.",
        [Detail(role, "is required") for role in missing],
    )


def is_of_states(name: str) -> bool:
    """Return True if a column named so holds states rather than operations."""
    return folded(name) in _OF_STATES
