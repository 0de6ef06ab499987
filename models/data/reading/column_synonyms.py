"""Names of the known columns and of units in English, German, Chinese and Japanese."""

from __future__ import annotations

SYNONYMS = {
    "date": "datum, tag, stichtag, arbeitstag, produktionstag, produktionsdatum, buchungsdatum, "
    "zeitpunkt, zeitstempel, timestamp, datetime, date time, time, period, periode, month, "
    "monat, week, woche, kalenderwoche, calendar day, calendar week, production date, "
    "posting date, ds, 日期, 日付, 年月日, 日, 時間, 时间, 日時, 月, 月份, 年月, 週, 周, "
    "生産日, 稼働日, 生产日期, 生產日期, kw, cw, wk, week no, iso week, year week, year month, "
    "jahr woche, "
    "jahr monat, monat jahr, calendar year month, calendar year week, cal year month, "
    "cal year week, kalenderjahr monat, kalenderjahr woche, yyyymm, yyyyww, 年周, 年週",
    "plant": "factory, fab, site, mill, location, facility, werk, betrieb, fabrik, standort, "
    "plant name, site name, 工厂, 工廠, 工場, 廠別, 厂别, 廠區, 厂区, 廠, 厂, プラント, 事業所, "
    "拠点",
    "application": "product, product family, product group, product line, product type, family, "
    "segment, category, sku, item, article, material, produkt, produktgruppe, produktfamilie, "
    "artikel, artikelgruppe, anwendung, warengruppe, 应用, 應用, 用途, 产品, 產品, 製品, 品目, "
    "機種, 机种, 品種, 品种, 產品別, 产品别, 品名, アプリケーション",
    "panel_size": "size, panel, dimension, format, variant, variante, größe, groesse, "
    "panelgröße, panelgroesse, abmessung, zoll, inch, 尺寸, 面板尺寸, 規格, 规格, サイズ, "
    "パネルサイズ",
    "wip": "work in process, work in progress, in process, units in process, inventory, stock, "
    "inventory level, stock level, on hand, queue length, bestand, bestände, bestaende, "
    "umlaufbestand, umlaufbestände, werkstattbestand, lagerbestand, ware in arbeit, in arbeit, "
    "in bearbeitung, wip level, ending wip, wip end, closing wip, closing stock, ending inventory, "
    "wip end of day, bestand ende, endbestand, 工程内在庫, 在制数, 在製數, "
    "在制品, 在製品, 在制, 在製, 在制品数量, 在製品數量, 在制品库存, "
    "在製品庫存, 库存, 庫存, 仕掛, 仕掛品, 仕掛かり, 仕掛り, 仕掛かり品, 仕掛数, 仕掛在庫, "
    "仕掛品在庫, 在庫",
    "throughput": "th, tp, output, outs, out, production, produced, completed, completions, "
    "finished units, units finished, output quantity, production quantity, production volume, "
    "good quantity, units out, departures, ausstoß, ausstoss, ausbringung, ausbringungsmenge, "
    "durchsatz, produktion, produktionsmenge, gutmenge, fertigmeldungen, fertiggestellt, "
    "abgang, production output, quantity produced, 入库量, 入庫量, 入库数量, 入庫數量, "
    "产出数, 產出數, "
    "生産実績, 产出, 產出, 产量, 產量, 产出量, 產出量, 完工数, 完工數, 生産数, 生産量, 出来高, "
    "完成数, アウトプット, スループット",
    "cycle_time": "ct, lead time, leadtime, throughput time, flow time, turnaround time, tat, "
    "time in system, time in process, length of stay, durchlaufzeit, dlz, liegezeit, "
    "mittlere durchlaufzeit, 周期, 週期, 周期时间, 週期時間, 生产周期, 生產週期, 前置时间, "
    "前置時間, 交期, リードタイム, サイクルタイム, 通過時間",
    "finished_goods": "fg, finished goods stock, finished goods inventory, fertigwaren, "
    "fertigerzeugnisse, fertigwarenbestand, 成品, 成品库存, 成品庫存, 完成品, 完成品在庫, "
    "製品在庫",
    "semi_finished_goods": "sfg, semi finished, semifinished, semifinished goods, "
    "halbfabrikate, halbfertigerzeugnisse, halbfertigwaren, 半成品, 半製品",
    "releases": "release, starts, started, input, inputs, arrivals, units released, "
    "units started, wafer starts, einlastung, einlastungen, freigaben, freigabe, zugang, "
    "zugänge, 投入, 投入量, 投入数, 投入數, 投料, 投料量",
}
UNITS = {
    "seconds": "s, sec, secs, second, seconds, sek, sekunden, 秒",
    "minutes": "min, mins, minute, minutes, minuten, 分, 分钟, 分鐘",
    "hours": "h, hr, hrs, hour, hours, std, stunde, stunden, 小时, 小時, 時間, 时",
    "days": "d, day, days, tag, tage, tagen, at, kt, arbeitstage, kalendertage, 天, 日",
    "weeks": "w, wk, week, weeks, woche, wochen, 周, 週",
    "months": "month, months, monat, monate, 月",
    "percent": "%, percent, prozent, pct",
    "pieces": "pcs, pc, piece, pieces, unit, units, ea, each, stk, st, stück, stueck, panels, "
    "lots, lot, wafers, qty, quantity, count, number, anzahl, menge, 片, 個, 个, 件, 台, 枚, "
    "数量, 數量",
    "steps": "periods, period, steps, perioden",
}
