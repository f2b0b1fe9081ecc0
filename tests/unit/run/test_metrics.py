"""--metrics: what Prometheus reads is what the box counts; addresses; the pages that name the metrics."""

from __future__ import annotations

import json
import re
import socket
import threading
import urllib.request
from pathlib import Path

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as plain

import mcc
from mcc.diag import PortError
from mcc.run.errands import Errands, Running, look
from mcc.run.metrics import Metrics, families, parse_address
from mcc.run.usage import UsageError
from tests.unit.run.running import datagram, run, send

DOCS = Path(__file__).resolve().parents[3] / "docs"
LOCAL = ("127.0.0.1", 0)
Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def read(url: str, accept: str = "") -> Samples:
    """What a scrape gives, by name and labels."""
    with urllib.request.urlopen(urllib.request.Request(url, headers={"Accept": accept}), timeout=5) as answer:
        text = answer.read().decode()
    parse = openmetrics if "openmetrics" in accept else plain
    return {(s.name, frozenset(s.labels.items())): s.value for f in parse(text) for s in f.samples}


def at(samples: Samples, name: str, **labels: str) -> float:
    return samples[name, frozenset(labels.items())]


@pytest.mark.parametrize("accept", ["", "application/openmetrics-text; version=1.0.0"])
def test_a_scrape_is_what_the_box_counts(accept: str) -> None:
    found: list[Samples] = []

    def do(errands: Errands) -> None:
        server = Metrics(LOCAL, errands, "9.9")
        try:
            read(server.url, accept)
            send(errands, datagram(1), datagram(2), datagram(2, 1200))
            found.append(read(server.url, accept))
        finally:
            server.close()

    run(do)
    s = found[0]
    assert at(s, "mcc_info", version="9.9", chain="short") == 1 and at(s, "mcc_run_seconds") > 0
    assert at(s, "mcc_port_up", port="lan") == 1
    assert at(s, "mcc_port_rx_packets_total", port="lan") == 3 and at(s, "mcc_port_rx_packets_total", port="wan") == 0
    assert at(s, "mcc_port_rx_bytes_total", port="lan") == 1400 and at(s, "mcc_port_tx_bytes_total", port="wan") == 200
    assert at(s, "mcc_port_tx_packets_total", port="wan") == 2 and at(s, "mcc_port_rx_errors_total", port="lan") == 0
    assert at(s, "mcc_drops_total", reason="drop:limits") == 1 and at(s, "mcc_drops_total", reason="no_buffer") == 0
    assert at(s, "mcc_sessions_active") == 2 and at(s, "mcc_sessions_created_total") == 2
    assert at(s, "mcc_sessions_ended_total", reason="timeout") == 0
    assert at(s, "mcc_element_packets_total", element="limits", type="Short") == 3
    assert at(s, "mcc_counter_total", element="limits", counter="passed") == 2
    assert at(s, "mcc_live_value", element="limits", parameter="longest") == 1000
    assert at(s, "mcc_buffers_used") == 0
    assert at(s, "mcc_packets_sent_total") == 2
    assert at(s, "process_resident_memory_bytes") > 1e6


def test_before_and_after_the_run_there_is_nothing_of_a_box() -> None:
    errands = Errands()
    server = Metrics(LOCAL, errands, "1")
    errands.close()
    try:
        assert not [name for name, _ in read(server.url) if name.startswith("mcc")]
    finally:
        server.close()
    assert not [t for t in threading.enumerate() if t.name == "mcc-metrics"]
    socket.create_server(("127.0.0.1", int(server.url.split(":")[2].split("/")[0]))).close()  # free again


def test_a_dead_port_is_down() -> None:
    module = mcc.build(DOCS.parent / "examples" / "word_remover.py")
    with module.open() as box:
        found = {(s.name, *sorted(s.labels.items())): s.value for f in families(look(Running(box, 1.0, {"lan": "gone"})), "1")
                 for s in f.samples}
    assert found["mcc_port_up", ("port", "lan")] == 0 and found["mcc_port_up", ("port", "wan")] == 1


@pytest.mark.parametrize(("text", "address"), [
    (":9464", ("", 9464)), ("localhost:0", ("localhost", 0)), ("127.0.0.1:80", ("127.0.0.1", 80)), ("[::1]:9464", ("::1", 9464))])
def test_addresses(text: str, address: tuple[str, int]) -> None:
    assert parse_address(text) == address


@pytest.mark.parametrize("text", ["", "9464", ":", "host:", ":65536", ":-1", ":x", "::1:80", "[a]:1", "http://x:80", "a b:1", ":٣"])
def test_no_addresses(text: str) -> None:
    with pytest.raises(UsageError, match="is no address"):
        parse_address(text)


def test_a_port_in_use() -> None:
    for host in ("127.0.0.1", ""):
        with socket.create_server(LOCAL) as s:
            before = threading.active_count()
            with pytest.raises(PortError, match=r"^--metrics .*another program listens there"):
                Metrics((host, s.getsockname()[1]), Errands(), "1")
            assert threading.active_count() == before


@pytest.mark.parametrize(("host", "words"), [("192.0.2.1", "no such address"), ("no-such-host.invalid", "there is no host")])
def test_an_address_of_others(host: str, words: str) -> None:
    with pytest.raises(PortError, match=words):
        Metrics((host, 9464), Errands(), "1")


# ---------------------------------------------------------------- the pages


@pytest.fixture(scope="module")
def names() -> dict[str, set[str]]:
    """All metrics of a chain that has everything, with their labels."""
    module = mcc.build(DOCS.parent / "examples" / "full_chain.py")
    found: dict[str, set[str]] = {}
    with module.open(cores=2) as box:
        for family in families(look(Running(box, 1.0)), "1"):
            for s in family.samples:
                found.setdefault(s.name, set()).update(s.labels)
            if family.name == "mcc_live_value":  # of no parameter
                found.setdefault(family.name, {"element", "parameter"})
            if family.name == "mcc_core_busy_ratio":  # of live runs
                found.setdefault(family.name, {"core"})
    return found


def test_every_name_is_documented(names: dict[str, set[str]]) -> None:
    page = (DOCS / "metrics.md").read_text()
    rows = {m[0]: set(re.findall(r"`(\w+)`", m[1])) for m in re.findall(r"^\| `(mcc_\w+)` \| ([^|]*)\|", page, re.M)}
    assert rows == names


def test_context_counters_are_documented() -> None:
    module = mcc.build(DOCS.parent / "examples" / "word_remover.py")
    with module.open() as box:
        counters = set(box.stats()["contexts"]["tcp"])
    page = (DOCS / "contexts.md").read_text()
    assert not {c for c in counters if not re.search(rf"\b{c}\b", page)}


def test_the_dashboard_asks_for_what_there_is(names: dict[str, set[str]]) -> None:
    board = json.loads((DOCS / "grafana.json").read_text())
    queries = [t["expr"] for p in board["panels"] for t in p.get("targets", ())]
    variables = [v["query"] for v in board["templating"]["list"] if v["type"] == "query"]
    assert len(queries) >= 10
    for query in (*queries, *variables):
        used = set(re.findall(r"\b(?:mcc|process)_\w+", query))
        assert used and {u for u in used if u.startswith("mcc")} <= set(names), query
        for name, matchers in re.findall(r"\b(mcc_\w+)\{([^}]*)\}", query):
            assert set(re.findall(r"(\w+)=", matchers)) <= names[name] | {"instance", "job"}, query
        for by in re.findall(r"by \(([^)]*)\)", query):
            known = set.union(*(names.get(u, set()) for u in used)) | {"instance"}
            assert {b.strip() for b in by.split(",")} <= known, query
    ids = [p["id"] for p in board["panels"]]
    assert len(set(ids)) == len(ids) and board["title"] and all("gridPos" in p for p in board["panels"])
