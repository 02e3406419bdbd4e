"""What dashboards.py is made of: panels, rows, variables, in Grafana's classic
JSON. Only what the two dashboards use.
"""

DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}

# Selectors: of a device's series, of a server's, and devices by policy in force.
DEVICE = 'cluster=~"$cluster", node=~"$node"'
SERVER = 'cluster=~"$cluster"'
BY_POLICY = 'and on (cluster, instance, node, device) kvplace_policy_info{policy=~"$policy"}'


def of(metric, *labels):
    """The metric of the chosen devices, whatever their policy."""
    return f"{metric}{{{', '.join((DEVICE,) + labels)}}}"


def chosen(expression):
    """Of the devices that the chosen policies plan for."""
    return f"({expression} {BY_POLICY})"


def rate(metric, *labels):
    return f"rate({of(metric, *labels)}[$__rate_interval])"


def query(expr, legend="", instant=False, table=False):
    target = {"datasource": DATASOURCE, "expr": expr, "legendFormat": legend or "__auto",
              "instant": instant, "range": not instant}
    if table:
        target["format"] = "table"
    return target


def panel(kind, title, queries, unit="short", what="", options=None, **custom):
    """A panel without a place. `custom`: fields of the panel's own
    configuration; min, max, decimals and thresholds are known to all."""
    defaults = {"unit": unit, "custom": {}}
    for name in ("min", "max", "decimals", "thresholds", "mappings", "color"):
        if name in custom:
            defaults[name] = custom.pop(name)
    overrides = custom.pop("overrides", [])
    transformations = custom.pop("transformations", [])
    defaults["custom"] = custom
    targets = [dict(target, refId="ABCDEFGHIJ"[i]) for i, target in enumerate(queries)]
    return {"type": kind, "title": title, "description": what, "datasource": DATASOURCE, "targets": targets,
            "fieldConfig": {"defaults": defaults, "overrides": overrides},
            "transformations": transformations, "options": options or {}}


def lines(title, queries, unit="short", what="", stack=False, **custom):
    """Lines over time; stacked areas where they add up."""
    custom.setdefault("lineWidth", 1)
    custom.setdefault("showPoints", "never")
    custom.setdefault("fillOpacity", 40 if stack else 5)
    custom.setdefault("min", 0)
    if stack:
        custom["stacking"] = {"mode": "normal", "group": "A"}
    options = {"legend": {"displayMode": "table", "placement": "bottom", "showLegend": True, "calcs": ["mean", "lastNotNull"]},
               "tooltip": {"mode": "multi", "sort": "desc"}}
    return panel("timeseries", title, queries, unit, what, options, **custom)


def stat(title, expr, unit="short", what="", **custom):
    options = {"reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False}, "colorMode": "value",
               "graphMode": "area", "textMode": "auto", "justifyMode": "auto", "orientation": "auto"}
    return panel("stat", title, [query(expr)], unit, what, options, **custom)


def bars(title, expr, legend, unit, what="", **custom):
    """One bar per series, as of now."""
    options = {"reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False}, "displayMode": "basic",
               "orientation": "horizontal", "showUnfilled": True, "valueMode": "color"}
    return panel("bargauge", title, [query(expr, legend, instant=True)], unit, what, options, **custom)


def heat_map(title, expr, legend, unit, what="", scheme="Oranges", **custom):
    """A row per series, coloured by its value from 0 to 1."""
    options = {"calculate": False, "cellGap": 1, "rowsFrame": {"layout": "auto", "value": "share"},
               "color": {"mode": "scheme", "scheme": scheme, "steps": 64, "reverse": False, "min": 0, "max": 1,
                         "exponent": 0.5, "fill": "dark-orange"},
               "cellValues": {"unit": unit, "decimals": 2}, "yAxis": {"axisPlacement": "left", "reverse": True},
               "tooltip": {"mode": "single", "yHistogram": False, "showColorScale": True}, "legend": {"show": True},
               "filterValues": {"le": -1}, "exemplars": {"color": "rgba(255,0,255,0.7)"}}
    return panel("heatmap", title, [query(expr, legend)], unit, what, options, **custom)


def steps(*bounds, mode="absolute"):
    """Thresholds: (colour, from) in rising order, the first from minus infinity."""
    return {"mode": mode, "steps": [{"color": color, "value": value} for color, value in bounds]}


def variable(name, label, text, many=True):
    """Values from a query; All means any, also none."""
    shown = {"allValue": ".*", "current": {"text": "All", "value": "$__all"}} if many else {}
    return {"type": "query", "name": name, "label": label, "datasource": DATASOURCE, "refresh": 2, "sort": 7,
            "query": {"query": text, "refId": name}, "multi": many, "includeAll": many, **shown}


def variables(many_nodes):
    return [
        {"type": "datasource", "name": "datasource", "label": "Prometheus", "query": "prometheus", "refresh": 1},
        variable("cluster", "Cluster", "label_values(kvplace_build_info, cluster)"),
        variable("node", "Node", f"label_values(kvplace_steps_total{{{SERVER}}}, node)", many=many_nodes),
        variable("policy", "Policy", f"label_values(kvplace_policy_info{{{DEVICE}}}, policy)"),
    ]


def dashboard(uid, title, what, sections, many_nodes, links):
    """`sections`: (title, rows), each row a list of (width, height, panel); 24 wide."""
    panels, y = [], 0
    for name, rows in sections:
        panels.append({"type": "row", "title": name, "collapsed": False, "panels": [],
                       "gridPos": {"h": 1, "w": 24, "x": 0, "y": y}})
        y += 1
        for row in rows:
            x = 0
            for width, height, content in row:
                panels.append(dict(content, gridPos={"h": height, "w": width, "x": x, "y": y}))
                x += width
            y += max(height for _, height, _ in row)
    for number, one in enumerate(panels, 1):
        one["id"] = number
    return {"uid": uid, "title": title, "description": what, "tags": ["kvplace"], "schemaVersion": 39, "version": 1,
            "editable": True, "graphTooltip": 1, "timezone": "browser", "refresh": "30s",
            "time": {"from": "now-1h", "to": "now"}, "templating": {"list": variables(many_nodes)},
            "annotations": {"list": []}, "links": links, "panels": panels}
