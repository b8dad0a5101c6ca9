#!/usr/bin/env python3
"""The Grafana dashboards as code: writes `dashboards/*.json` from what `content.py` says.

python -m deploy.grafana.build            write the files
python -m deploy.grafana.build --check    exit 1 where a file is not what this makes
"""

import argparse
import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from deploy.grafana.content import DASHBOARDS, RESPONSE
from deploy.grafana.panels import Dashboard, Panel, Query

FOLDER = Path(__file__).parent / "dashboards"
SOURCE = {"type": "prometheus", "uid": "prometheus"}
SCHEMA_VERSION = 39

Json = dict[str, Any]


def document(dashboard: Dashboard) -> Json:
    """A dashboard in Grafana's format."""
    return {
        "uid": dashboard.uid,
        "title": dashboard.title,
        "tags": ["agent-load-harness"],
        "schemaVersion": SCHEMA_VERSION,
        "editable": False,
        "graphTooltip": 1,
        "refresh": "5s",
        "time": {"from": "now-15m", "to": "now"},
        "timezone": "browser",
        "links": [
            {
                "title": "Dashboards",
                "type": "dashboards",
                "tags": ["agent-load-harness"],
                "asDropdown": False,
                "icon": "dashboard",
                "includeVars": False,
                "keepTime": True,
                "targetBlank": False,
                "tooltip": "",
                "url": "",
            }
        ],
        "annotations": {
            "list": [
                _annotation("Phases", "harness_phase_info", "{{phase}}", "kind", "blue"),
                _annotation(
                    "Alerts", 'ALERTS{alertstate="firing"}', "{{alertname}}", "worker,criterion", "red"
                ),
            ]
        },
        "templating": {"list": [_variable(label) for label in dashboard.variables]},
        "panels": list(_placed(dashboard.panels)),
    }


def _annotation(name: str, expr: str, title: str, tags: str, colour: str) -> Json:
    return {
        "name": name,
        "datasource": SOURCE,
        "enable": True,
        "hide": False,
        "iconColor": colour,
        "expr": expr,
        "step": "5s",
        "titleFormat": title,
        "tagKeys": tags,
    }


def _variable(label: str) -> Json:
    query = f"label_values({RESPONSE}_count, {label})"
    return {
        "name": label,
        "label": label,
        "type": "query",
        "datasource": SOURCE,
        "definition": query,
        "query": {"query": query, "refId": label},
        "refresh": 2,
        "sort": 1,
        "multi": True,
        "includeAll": True,
        "allValue": ".*",
        "current": {"text": ["All"], "value": ["$__all"]},
        "hide": 0,
        "skipUrlSync": False,
    }


def _placed(panels: Sequence[Panel]) -> Iterable[Json]:
    """From left to right, in rows as high as their highest panel."""
    x = y = row_height = 0
    for number, panel in enumerate(panels, start=1):
        if x + panel.width > 24:
            x, y, row_height = 0, y + row_height, 0
        yield {
            "id": number,
            "type": panel.kind,
            "title": panel.title,
            "description": panel.description,
            "datasource": SOURCE,
            "gridPos": {"x": x, "y": y, "w": panel.width, "h": panel.height},
            "targets": [_target(place, query) for place, query in enumerate(panel.queries)],
            "fieldConfig": _field_config(panel),
            "options": _options(panel),
        }
        x, row_height = x + panel.width, max(row_height, panel.height)


def _target(place: int, query: Query) -> Json:
    return {
        "refId": "ABCDEFGH"[place],
        "datasource": SOURCE,
        "editorMode": "code",
        "expr": query.expr,
        "legendFormat": query.legend or "__auto",
        "range": True,
        "instant": False,
        "format": "heatmap" if query.heatmap else "time_series",
    }


def _field_config(panel: Panel) -> Json:
    steps: list[Json] = [{"color": "green", "value": None}]
    if panel.limit is not None:
        steps.append({"color": "red", "value": panel.limit})
    defaults: Json = {"unit": panel.unit, "thresholds": {"mode": "absolute", "steps": steps}}
    if panel.when_empty is not None:
        defaults["noValue"] = panel.when_empty
    overrides: list[Json] = []
    if panel.kind == "stat":
        defaults["color"] = {"mode": "fixed", "fixedColor": "text"}
    if panel.kind == "timeseries":
        defaults["min"] = 0
        defaults["custom"] = {
            "drawStyle": "line",
            "lineWidth": 1,
            "fillOpacity": 40 if panel.stacked else 0,
            "showPoints": "never",
            "spanNulls": False,
            "stacking": {"mode": "normal" if panel.stacked else "none", "group": "A"},
            "thresholdsStyle": {"mode": "off" if panel.limit is None else "dashed"},
        }
        overrides = [_as_limit(place) for place, query in enumerate(panel.queries) if query.is_limit]
    if panel.kind == "state-timeline":
        defaults["custom"] = {"fillOpacity": 70, "lineWidth": 0}
        words = {
            "0": ("pending", "gray"),
            "1": ("PASS", "green"),
            "2": ("WARN", "orange"),
            "3": ("FAIL", "red"),
        }
        options = {
            key: {"text": text, "color": colour, "index": int(key)} for key, (text, colour) in words.items()
        }
        defaults["mappings"] = [{"type": "value", "options": options}]
    return {"defaults": defaults, "overrides": overrides}


def _as_limit(place: int) -> Json:
    """Drawn dashed, and not stacked: a level, not a measurement."""
    return {
        "matcher": {"id": "byFrameRefID", "options": "ABCDEFGH"[place]},
        "properties": [
            {"id": "custom.lineStyle", "value": {"fill": "dash", "dash": [8, 6]}},
            {"id": "custom.fillOpacity", "value": 0},
            {"id": "custom.stacking", "value": {"mode": "none", "group": "limits"}},
            {"id": "color", "value": {"mode": "fixed", "fixedColor": "orange"}},
        ],
    }


def _options(panel: Panel) -> Json:
    tooltip = {"mode": "multi", "sort": "desc"}
    match panel.kind:
        case "stat":
            text = "name" if panel.title == "Phase" else "value"
            reduce = {"calcs": ["lastNotNull"], "fields": "", "values": False}
            return {"reduceOptions": reduce, "textMode": text, "graphMode": "none", "colorMode": "value"}
        case "heatmap":
            colour = {"mode": "scheme", "scheme": "Viridis", "steps": 64, "reverse": False, "exponent": 0.5}
            return {
                "calculate": False,
                "color": colour,
                "yAxis": {"unit": panel.unit, "axisPlacement": "left", "reverse": False},
                "rowsFrame": {"layout": "le"},
                "cellGap": 1,
                "showValue": "never",
                "legend": {"show": True},
                "tooltip": {"mode": "single", "yHistogram": False, "showColorScale": False},
                "filterValues": {"le": 1e-9},
                "exemplars": {"color": "rgba(255,0,255,0.7)"},
            }
        case "state-timeline":
            legend = {"displayMode": "list", "placement": "bottom", "showLegend": True}
            return {
                "mergeValues": True,
                "showValue": "auto",
                "rowHeight": 0.9,
                "alignValue": "left",
                "legend": legend,
                "tooltip": {"mode": "single", "sort": "none"},
            }
    legend = {
        "displayMode": "table",
        "placement": "bottom",
        "showLegend": True,
        "calcs": ["lastNotNull", "max"],
    }
    return {"legend": legend, "tooltip": tooltip}


def text_of(dashboard: Dashboard) -> str:
    """The file's text."""
    return json.dumps(document(dashboard), indent=2, ensure_ascii=False) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the files, or check that they are what would be written."""
    parser = argparse.ArgumentParser(description="Make deploy/grafana/dashboards/*.json")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 where a file differs")
    check = parser.parse_args(arguments).check
    stale = []
    for dashboard in DASHBOARDS:
        path = FOLDER / f"{dashboard.uid}.json"
        if check:
            if not path.is_file() or path.read_text(encoding="utf-8") != text_of(dashboard):
                stale.append(path.name)
        else:
            path.write_text(text_of(dashboard), encoding="utf-8")
    if stale:
        print(f"not up to date: {', '.join(stale)}; run python -m deploy.grafana.build", file=sys.stderr)
    return int(bool(stale))


if __name__ == "__main__":
    sys.exit(main())
