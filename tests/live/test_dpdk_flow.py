"""`dpdk:` ports that classify: a device that has no rte_flow falls back and says so; one that has marks changes nothing.

No card with rte_flow is here, so its functions are replaced (flow_standin.c), in front of net_pcap.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mcc.diag import PortError
from mcc.driver import compile_chain
from mcc.run.loading import load_chain
from mcc.toolchain.dpdk import find_dpdk

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
HTTP = ROOT / "examples" / "captures" / "http.pcap"
FIREWALL, NAT = (str(ROOT / "examples" / f"{name}.py") for name in ("firewall", "nat"))

RUN = """
import json, sys
from pathlib import Path
from mcc.api import Module
from mcc.driver import compile_chain
from mcc.run.live import run_live
from mcc.run.loading import load_chain
from mcc.run.module import RunnableModule
from mcc.run.ports import bind
from mcc.run.runner import RunOptions

chain, ports, standin, lacks, priorities, offload = json.loads(sys.argv[1])
lacks = f"#define STAND_LACKS RTE_FLOW_ITEM_TYPE_{lacks}\\n#define STAND_PRIORITIES {priorities}\\n"

class Standing(Module):
    @property
    def c_source(self):
        return super().c_source + (lacks + Path(standin).read_text() if standin else "")

compiled = compile_chain(load_chain(chain))
module = Standing(compiled, io=["dpdk"], offload=offload, level="-O1")
said = []
result = run_live(RunnableModule(module), bind(compiled.graph.ports, None, None, ports), RunOptions(duration=0.5),
                  say=said.append)
print(json.dumps({"said": said, "stats": result.stats}))
"""


@pytest.fixture(scope="module", autouse=True)
def dpdk() -> None:
    try:
        find_dpdk()
    except PortError as e:
        pytest.skip(str(e))


def run(lan: str, *, chain: str = FIREWALL, standin: bool = False, lacks: str = "END", priorities: int = 100,
        offload: bool = True) -> Any:
    """What was said, and the statistics, of half a second in a process of its own; `lacks`: the item that
    the stand-in does not know."""
    asked = [chain, {"lan": lan, "wan": "null"}, str(HERE / "flow_standin.c") if standin else "", lacks, priorities,
             offload]
    done = subprocess.run([sys.executable, "-c", RUN, json.dumps(asked)], capture_output=True, text=True, check=False,
                          cwd=ROOT, timeout=120)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def counts(stats: Any) -> Any:
    """What must be the same: packets of leaves, elements, drops, sessions."""
    return [(c["packets"], c["bytes"]) for c in stats["classes"]], stats["elements"], stats["drops"], \
        stats["sessions"]["created"], stats["ports"]


PCAP = f"dpdk:net_pcap0,rx_pcap={HTTP},tx_pcap=/dev/null"


def test_a_card_that_marks() -> None:
    """Patterns go through rte_flow, marks come back in mbufs; everything else is as without."""
    plain = run(PCAP, standin=True, offload=False)
    marked = run(PCAP, standin=True)
    assert not any("marks" in text for text in marked["said"])
    assert "marks" not in plain["stats"]
    assert plain["stats"]["ports"]["lan"]["rx_packets"] == 222
    assert marked["stats"]["marks"]["taken"] > 0 and marked["stats"]["marks"]["refused"] == 0
    assert counts(marked["stats"]) == counts(plain["stats"])


@pytest.mark.parametrize("device", ["net_null0", "net_ring0", PCAP[5:]])
def test_a_device_without_rte_flow(device: str) -> None:
    got = run(f"dpdk:{device}", chain=str(HERE / "chains" / "reading.py"))
    name = device.partition(",")[0]
    notes = [text for text in got["said"] if "marks" in text]
    assert len(notes) == 1 and notes[0].startswith(f"port lan: {name} marks no packets (pattern 1: ")
    assert notes[0].endswith("; they are classified in software")
    assert got["stats"]["marks"] == {"taken": 0, "refused": 0}


@pytest.mark.parametrize(("chain", "lacks", "said"), [
    (NAT, "TCP", "marks packets of {most} of {all} patterns (pattern 1: no such item); others are classified in software"),
    (FIREWALL, "ARP_ETH_IPV4", "marks packets of {most} of {all} patterns (pattern {first}: no such item); others are "
                               "classified in software"),
    (FIREWALL, "ETH", "marks no packets (pattern 1: no such item); they are classified in software")])
def test_a_card_that_lacks_an_item(chain: str, lacks: str, said: str) -> None:
    """What the card says of packets whose patterns it did not take is not believed."""
    layer = {"ARP_ETH_IPV4": "arp", "TCP": "tcp", "ETH": "none"}[lacks]
    mine = [p for p in compile_chain(load_chain(chain)).offload.patterns if p.port == 0]
    missing = [i for i, p in enumerate(mine, 1) if layer in (p.shape.net, p.shape.transport)]
    got = run(PCAP, chain=chain, standin=True, lacks=lacks)
    words = said.format(all=len(mine), most=len(mine) - len(missing), first=missing[0])
    assert [t for t in got["said"] if "marks" in t] == [f"port lan: net_pcap0 {words}"]
    marks = got["stats"]["marks"]
    assert (marks["refused"] > 0) == (lacks == "TCP") and (marks["taken"] > 0) == (lacks == "ARP_ETH_IPV4")
    assert counts(got["stats"]) == counts(run(PCAP, chain=chain, offload=False)["stats"])


def test_a_card_with_one_priority() -> None:
    """Of each kind of packet it has the patterns before the first of a lower priority."""
    made = [p for p in compile_chain(load_chain(FIREWALL)).offload.patterns if p.port == 0]
    kept, stopped = 0, set()
    for p in made:
        if p.priority:
            stopped.add(p.shape)
        kept += p.shape not in stopped
    got = run(PCAP, standin=True, priorities=1)
    assert 0 < kept < len(made) and f"marks packets of {kept} of {len(made)} patterns" in " ".join(got["said"])
    assert got["stats"]["marks"]["taken"] > 0
    assert counts(got["stats"]) == counts(run(PCAP, offload=False)["stats"])
