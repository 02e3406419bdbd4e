"""The queries of Grafana dashboards, with their variables filled in, asked of a
Prometheus.
"""

import json
import math
import re
import time
import urllib.error
import urllib.parse
import urllib.request

# What Grafana puts in by itself. Scrapes of the check come every second.
BUILT_IN = {"$__rate_interval": "15s", "$__interval": "5s", "$__range": "60s"}


class Prometheus:
    def __init__(self, address):
        self.address = address

    def get(self, path, **parameters):
        """Its `data`; a message as ValueError where it refuses."""
        url = f"http://{self.address}/api/v1/{path}?{urllib.parse.urlencode(parameters, doseq=True)}"
        try:
            with urllib.request.urlopen(url, timeout=30) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            raise ValueError(json.load(error)["error"]) from None

    def points(self, expr, instant):
        """How many finite values the query has, of the last half minute."""
        now = time.time()
        if instant:
            data = self.get("query", query=expr, time=now)
        else:
            data = self.get("query_range", query=expr, start=now - 30, end=now, step=1)
        values = [v for series in data["result"] for v in series.get("values", [series.get("value")])]
        return sum(math.isfinite(float(value)) for _, value in values)


def panels(document):
    return [panel for panel in document["panels"] if panel["type"] != "row"]


def filled(text, values):
    """With its variables as Grafana fills them in; what is left is unknown."""
    for name, value in BUILT_IN.items():
        text = text.replace(name, value)
    for name, value in values.items():
        text = re.sub(rf"\$(?:{name}\b|{{{name}}})", lambda _, v=value: v, text)
    return text


def queries(document):
    """Yields (where, expression, instant) for each target of each panel."""
    for panel in panels(document):
        for target in panel["targets"]:
            yield f"{panel['title']} {target['refId']}", target["expr"], target["instant"]


def variable_values(prometheus, document, values):
    """Yields (name, its values) of each variable that asks Prometheus."""
    for variable in document["templating"]["list"]:
        if variable["type"] != "query":
            continue
        text = filled(variable["query"]["query"], values)
        asked = re.fullmatch(r"label_values\((.+), (\w+)\)", text)
        if not asked:
            raise ValueError(f"variable {variable['name']}: expected label_values(metric, label), not {text}")
        yield variable["name"], prometheus.get(f"label/{asked[2]}/values", **{"match[]": asked[1]})


def shape_problems(document):
    """What the types do not say: units, places, queries that follow variables."""
    problems = []
    taken = {}
    for panel in document["panels"]:
        where = panel["title"]
        grid = panel["gridPos"]
        if grid["x"] + grid["w"] > 24:
            problems.append(f"{where}: is wider than the page")
        for x in range(grid["x"], grid["x"] + grid["w"]):
            for y in range(grid["y"], grid["y"] + grid["h"]):
                other = taken.setdefault((x, y), where)
                if other != where:
                    problems.append(f"{where}: lies over {other}")
                    break
        if panel["type"] == "row":
            continue
        if not panel["fieldConfig"]["defaults"].get("unit"):
            problems.append(f"{where}: no unit")
        if not panel["targets"]:
            problems.append(f"{where}: no query")
    for where, expr, _ in queries(document):
        if "$cluster" not in expr:
            problems.append(f"{where}: does not follow the variable cluster")
    names = {variable["name"] for variable in document["templating"]["list"]}
    problems += [f"variable {name} is missing" for name in ("cluster", "node", "policy") if name not in names]
    return sorted(set(problems))
