"""Each command: what it prints, its exit code, and how it refuses."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from mcc.run.capture import Record, open_capture
from mcc.run.capture_file import pcap_bytes
from mcc.version import VERSION
from tests.unit.cli.conftest import Mcc

Process = Callable[..., "subprocess.CompletedProcess[bytes]"]


def test_version_and_help(mcc: Mcc) -> None:
    assert mcc("--version").out == f"mcc {VERSION}\n"
    text = mcc("--help").out
    for command in ("build", "run", "set", "check", "explain", "graph", "dump", "match", "new", "doctor", "bench"):
        assert f" {command} " in text
    assert "split" not in text
    for option in ("--live", "--metrics", "--duration"):
        assert option in mcc("run", "--help").out


@pytest.mark.parametrize("arguments", [
    ["bogus"], ["run"], ["check"], ["dump", "x.py"], ["dump", "x.py", "--stage", "no"], ["check", "nowhere.py"],
    ["run", "nowhere.py", "x.pcap"], ["match", "tcp"], ["match", "tcp", "a", "b"], ["bench"], ["graph", "nowhere.py", "-o", "x.svg"]])
def test_wrong_usage_is_2(mcc: Mcc, arguments: list[str]) -> None:
    done = mcc(*arguments)
    assert done.code == 2, done
    assert done.err and "Traceback" not in done.err


# ---------------------------------------------------------------- the compiler's commands


def test_check(mcc: Mcc, counter: Path) -> None:
    done = mcc("check", counter)
    assert (done.code, done.out) == (0, f"{counter}: chain counter is right\n")


def test_errors_have_carets_and_no_traceback(mcc: Mcc, tmp_path: Path) -> None:
    path = tmp_path / "wrong.py"
    path.write_text("x = 1\ny = undefined_name\n")
    done = mcc("check", path)
    assert (done.code, done.out) == (1, "")
    assert done.err == (f"{path}:2:5: error: NameError: name 'undefined_name' is not defined\n"
                        "    2 | y = undefined_name\n      |     ^^^^^^^^^^^^^^\n")


def test_check_cores(mcc: Mcc, root: Path) -> None:
    path = root / "examples" / "vlan_stats.py"
    for command in (("check", path), ("run", path, root / "examples" / "captures" / "vlan.pcap")):
        done = mcc(*command, "--cores", 2)
        assert (done.code, done.out) == (1, "")
        assert done.err == (
            f"{path}:17:31: error: sessions of VlanStats are told apart by vlan.vid, which sessions of PacketStats do not keep "
            "together: this chain runs on one core\n"
            '   17 |     yield duplex(Port("lan"), VlanStats() >> PacketStats() >> VlanStrip(), Port("wan"))\n'
            "      |                               ^^^^^^^^^^^\n"
            f"{path}:17:46: note: sessions of PacketStats are told apart by ip.dst, ip.src, l4.dport, l4.sport, and have answers\n"
            '   17 |     yield duplex(Port("lan"), VlanStats() >> PacketStats() >> VlanStrip(), Port("wan"))\n'
            "      |                                              ^^^^^^^^^^^^^\n"
            "      = hint: @element(cores=1) says so: core 0 handles all packets that reach it\n")
    assert mcc("check", root / "examples" / "nat.py", "--cores", 4).code == 0


@pytest.mark.parametrize("stage", ["parsed", "typed", "graph", "lowered", "c"])
def test_dump(mcc: Mcc, counter: Path, stage: str) -> None:
    done = mcc("dump", counter, "--stage", stage)
    assert done.code == 0
    assert "Counting" in done.out and done.out.endswith("\n")


def test_explain(mcc: Mcc, counter: Path) -> None:
    facts = json.loads(mcc("explain", counter, "--json").out)
    assert facts
    text = mcc("explain", counter)
    assert text.code == 0 and "Counting" in text.out


def test_build(mcc: Mcc, counter: Path, tmp_path: Path) -> None:
    done = mcc("build", counter, "-o", tmp_path / "out", "--target", "generic")
    made = sorted(p.name for p in (tmp_path / "out").iterdir())
    assert done.code == 0 and [Path(p).name for p in done.out.split()] == made
    assert made[0].startswith("_mcc_counter.") and made[1:] == ["counter.gen.c", "counter.map.json"]


def test_build_refuses(mcc: Mcc, counter: Path) -> None:
    assert "hint: pcap, afpacket, afxdp, tap, dpdk, null\n" in mcc("build", counter, "--io", "pcap,dpdkk").err
    assert mcc("build", counter, "--io", "x").code == 2
    assert mcc("build", counter, "-o", "/proc/nowhere").code == 4


@pytest.mark.parametrize("what", ["chain", "classifier", "fcb"])
def test_graph(mcc: Mcc, counter: Path, tmp_path: Path, what: str) -> None:
    out = tmp_path / "a.dot"
    assert mcc("graph", counter, "-o", out, "--what", what).code == 0
    text = out.read_text()
    assert text.startswith('digraph "counter') and text.count("{") == text.count("}")
    assert {"chain": "style=dashed", "classifier": "else", "fcb": "Counting scratch (8 bytes)"}[what] in text
    if shutil.which("dot"):
        assert mcc("graph", counter, "-o", tmp_path / "a.svg", "--what", what).code == 0
        assert "</svg>" in (tmp_path / "a.svg").read_text()
    assert mcc("graph", counter, "-o", tmp_path / "a.pdf").code == 2


# ---------------------------------------------------------------- run


def test_run(mcc: Mcc, counter: Path, examples: Path, tmp_path: Path) -> None:
    out, stats, sessions, alerts = (tmp_path / n for n in ("o.pcap", "stats.json", "s.jsonl", "a.jsonl"))
    done = mcc("run", counter, examples / "captures" / "http.pcap", "-o", out, "--stats", stats, "--sessions", sessions,
               "--alerts", alerts)
    assert done.code == 0, done
    assert "counter: 222 packets in" in done.out and "9 sessions" in done.out
    facts = json.loads(stats.read_text())
    assert (facts["mcc"], facts["chain"]) == (VERSION, "counter")
    assert facts["elements"]["Counting"]["counters"] == {"all": 222}
    assert sum(p["rx_packets"] for p in facts["ports"].values()) == sum(p["tx_packets"] for p in facts["ports"].values()) == 222
    assert facts["ports"]["lan"]["rx_packets"] == facts["ports"]["wan"]["tx_packets"] == 138
    lines = [json.loads(line) for line in sessions.read_text().splitlines()]
    assert len(lines) == facts["sessions"]["created"] == 9
    both = sum(s[d]["scratch"]["Counting"]["packets"] for s in lines for d in ("to_server", "to_client"))
    assert both == 222
    assert all(json.loads(line)["id"] == 7 for line in alerts.read_text().splitlines())
    original = (examples / "captures" / "http.pcap").read_bytes()
    assert out.read_bytes()[24:] == original[24:]


def test_run_with_files_a_port(mcc: Mcc, counter: Path, examples: Path, tmp_path: Path) -> None:
    capture = examples / "captures" / "http.pcap"
    done = mcc("run", counter, "--port", f"lan=pcap:{capture}", "--port", f"wan=pcap:,{tmp_path / 'o.pcap'}",
               "--stats", tmp_path / "s.json")
    assert done.code == 0, done
    facts = json.loads((tmp_path / "s.json").read_text())
    assert [facts["ports"][p][k] for p in ("lan", "wan") for k in ("rx_packets", "tx_packets")] == [222, 0, 0, 222]
    assert len((tmp_path / "o.pcap").read_bytes()) == capture.stat().st_size


def test_run_writes_what_was_read(mcc: Mcc, counter: Path, examples: Path, tmp_path: Path) -> None:
    for name in ("mixed.pcapng", "ipv6_raw.pcap", "nanoseconds_big_endian.pcap", "ipv6_fragments.pcap"):
        out = tmp_path / name
        assert mcc("run", counter, examples / "captures" / name, "-o", out).code == 0
        with open_capture(str(examples / "captures" / name)) as a, open_capture(str(out)) as b:
            assert [(r.data, r.length, r.linktype) for r in a.records()] == [(r.data, r.length, r.linktype) for r in b.records()]


def test_duration_is_of_the_captures_time(mcc: Mcc, counter: Path, examples: Path, tmp_path: Path) -> None:
    capture = examples / "captures" / "http.pcap"
    with open_capture(str(capture)) as c:
        times = [r.at for r in c.records()]
    for limit in (2_000_000_000, times[100] - times[0]):
        assert mcc("run", counter, capture, "--duration", limit / 1e9, "-o", tmp_path / "o.pcap").code == 0
        with open_capture(str(tmp_path / "o.pcap")) as c:
            assert [r.at for r in c.records()] == [t for t in times if t <= times[0] + limit]


def test_captures_of_several_ports_meet_in_order_of_time(mcc: Mcc, tmp_path: Path) -> None:
    chain = tmp_path / "meet.py"
    chain.write_text("from mcc import Port, chain\n@chain\ndef meet():\n"
                     '    yield Port("a") >> Port("out")\n    yield Port("b") >> Port("out")\n')
    for name, times in (("a", [1, 4, 5, 9]), ("b", [2, 3, 5, 7])):
        records = [Record(name.encode() * 60, 60, t * 1_000_000_000, 1) for t in times]
        (tmp_path / f"{name}.pcap").write_bytes(pcap_bytes(records))
    ports = [f"a=pcap:{tmp_path / 'a.pcap'}", f"b=pcap:{tmp_path / 'b.pcap'}", f"out=pcap:,{tmp_path / 'o.pcap'}"]
    assert mcc("run", chain, *(word for p in ports for word in ("--port", p))).code == 0
    with open_capture(str(tmp_path / "o.pcap")) as c:
        assert [(r.data[:1], r.at // 1_000_000_000) for r in c.records()] == [
            (b"a", 1), (b"b", 2), (b"b", 3), (b"a", 4), (b"a", 5), (b"b", 5), (b"b", 7), (b"a", 9)]


def test_a_damaged_capture_is_3(mcc: Mcc, counter: Path, examples: Path, tmp_path: Path) -> None:
    data = (examples / "captures" / "http.pcap").read_bytes()
    cut = tmp_path / "cut.pcap"
    cut.write_bytes(data[:-10])
    done = mcc("run", counter, cut, "-o", tmp_path / "o.pcap")
    assert done.code == 3 and "221 packets in" in done.out
    assert f"mcc: {cut}: damaged at byte " in done.err and "cut inside a record; 221 packets before that" in done.err
    assert data.startswith((tmp_path / "o.pcap").read_bytes()[24:][:1000], 24)
    text = tmp_path / "text"
    text.write_text("not packets")
    assert mcc("run", counter, text).code == 3


def test_ports_and_outputs_that_cannot_be_opened_are_4(mcc: Mcc, counter: Path, examples: Path, tmp_path: Path) -> None:
    capture = examples / "captures" / "http.pcap"
    for arguments in (["nowhere.pcap"], [tmp_path], [capture, "-o", "/nowhere/o.pcap"], [capture, "--stats", "/nowhere/s"],
                      ["--port", "lan=afpacket:nowhere", "--port", "wan=null"]):
        done = mcc("run", counter, *arguments)
        assert done.code == 4 and done.err.startswith("mcc: "), (arguments, done)


def test_ports_of_dpdk_without_it(mcc: Mcc, counter: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PKG_CONFIG_LIBDIR", str(tmp_path))
    for done in (mcc("run", counter, "--port", "lan=dpdk:net_null0", "--port", "wan=null"),
                 mcc("build", counter, "--io", "pcap,dpdk", "-o", tmp_path)):
        assert (done.code, done.err) == (4, "mcc: dpdk: DPDK is not there (pkg-config does not know libdpdk); "
                                            "apt-get install libdpdk-dev dpdk-dev\n")
    assert "absent DPDK: " in (text := mcc("doctor").out) and "        apt-get install libdpdk-dev dpdk-dev\n" in text
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "apt-get install libdpdk-dev dpdk-dev pkg-config\n" in mcc("run", counter, "--port", "lan=dpdk:x", "--port", "wan=null").err


def test_a_full_disk_is_4_and_keeps_the_rest(mcc: Mcc, counter: Path, examples: Path, tmp_path: Path) -> None:
    done = mcc("run", counter, examples / "captures" / "http.pcap", "-o", "/dev/full", "--stats", tmp_path / "s.json",
               "--sessions", "/dev/full")
    assert done.code == 4
    assert "mcc: cannot write /dev/full: No space left on device; it holds 0 packets" in done.err
    assert "it holds 0 lines" in done.err
    assert json.loads((tmp_path / "s.json").read_text())["sessions"]["created"] == 9


def test_run_refuses(mcc: Mcc, counter: Path) -> None:
    assert "both write to standard output" in mcc("run", counter, "x", "-o", "-", "--stats", "-").err
    assert "--cores" in mcc("run", counter, "x", "--cores", 33).err
    assert mcc("run", counter).code == mcc("run", counter, "x", "--port", "lan=null").code == 2


def test_standard_input_and_output(process: Process, counter: Path, examples: Path) -> None:
    data = (examples / "captures" / "http.pcap").read_bytes()
    done = process("run", counter, "-", "-o", "-", input=data)
    assert done.returncode == 0, done.stderr
    assert done.stdout[24:] == data[24:]
    assert b"222 packets" in done.stderr
    stats = process("run", counter, "-", "--stats", "-", input=data)
    assert json.loads(stats.stdout)["chain"] == "counter"


@pytest.mark.skipif(sys.platform != "linux", reason="signals and pipes as on Linux")
def test_interrupted_is_130_with_complete_outputs(root: Path, counter: Path, examples: Path, tmp_path: Path) -> None:
    """Ctrl-C behind the first 50 packets."""
    program = (
        "import os, signal, sys\n"
        "from mcc.run import runner\n"
        "runner.STEP = 50\n"
        "poll = runner._Run._poll\n"
        "def interrupting(self):\n"
        "    poll(self)\n"
        "    runner._Run._poll = poll\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n"
        "runner._Run._poll = interrupting\n"
        "from mcc.cli import main\n"
        "main()\n")
    done = subprocess.run([sys.executable, "-c", program, "run", str(counter), str(examples / "captures" / "http.pcap"), "-o",
                           str(tmp_path / "o.pcap"), "--sessions", str(tmp_path / "s.jsonl")],
                          capture_output=True, text=True, check=False, cwd=root)
    assert done.returncode == 130, done.stderr
    assert "interrupted; the outputs are complete" in done.stderr and "Traceback" not in done.stderr
    original = (examples / "captures" / "http.pcap").read_bytes()
    copy = (tmp_path / "o.pcap").read_bytes()
    assert 1000 < len(copy) < len(original) and original[24:].startswith(copy[24:])
    assert "50 packets in" in done.stdout
    assert len((tmp_path / "s.jsonl").read_text().splitlines()) > 0


# ---------------------------------------------------------------- match


def test_match(mcc: Mcc, examples: Path, tmp_path: Path) -> None:
    capture = examples / "captures" / "http.pcap"
    assert mcc("match", "tcp", capture, "--count").out == "222\n"
    answer = json.loads(mcc("match", "tcp[tcpflags] & tcp-syn != 0", capture, "--json").out)
    assert answer["total"] == 222 and answer["count"] == len(answer["packets"]) > 0
    out = tmp_path / "syn.pcap"
    text = mcc("match", "tcp[tcpflags] & tcp-syn != 0", capture, "-o", out).out
    assert text.startswith(f"tcp[tcpflags] & tcp-syn != 0: {answer['count']} of 222 packets: ")
    assert mcc("match", "tcp", out, "--count").out == f"{answer['count']}\n"


def test_match_agrees_with_tcpdump(mcc: Mcc, examples: Path) -> None:
    if shutil.which("tcpdump") is None:
        pytest.skip("tcpdump is not there: apt install tcpdump")
    for name in ("http.pcap", "ipv6_raw.pcap", "ipv6_fragments.pcap"):
        for expression in ("src port 80", "ip6", "udp or greater 1000", "host 172.16.133.132 and dst port 80", "not tcp"):
            capture = examples / "captures" / name
            lines = subprocess.run(["tcpdump", "-nr", str(capture), expression], capture_output=True, text=True,
                                   check=True).stdout.splitlines()
            wanted = sum(not line.startswith((" ", "\t")) for line in lines)
            assert mcc("match", expression, capture, "--count").out == f"{wanted}\n", (name, expression)


def test_match_expressions_of_a_file(mcc: Mcc, examples: Path, tmp_path: Path) -> None:
    source = tmp_path / "expr.txt"
    source.write_text("tcp\n\nudp\n")
    done = mcc("match", "--from", source, examples / "captures" / "http.pcap", "--count")
    assert done.out == "222\ttcp\n0\tudp\n"
    source.write_text("\n")
    assert mcc("match", "--from", source, examples / "captures" / "http.pcap").code == 2


def test_match_refuses(mcc: Mcc, examples: Path, tmp_path: Path) -> None:
    capture = examples / "captures" / "http.pcap"
    wrong = mcc("match", "tcp dst prt 80", capture)
    assert wrong.code == 1 and "^" in wrong.err and "Traceback" not in wrong.err
    assert mcc("match", "tcp", capture, "--count", "--json").code == 2
    assert mcc("match", "tcp", "nowhere.pcap").code == 4
    cut = tmp_path / "cut.pcap"
    cut.write_bytes(capture.read_bytes()[:-1])
    done = mcc("match", "tcp", cut, "--count")
    assert (done.code, done.out) == (3, "221\n") and "221 packets before that" in done.err


# ---------------------------------------------------------------- new, doctor


def test_new(mcc: Mcc, process: Process, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, examples: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert mcc("new", "my_box").code == 0
    assert mcc("check", "my_box.py").out == "my_box.py: chain my_box is right\n"
    assert mcc("run", "my_box.py", examples / "captures" / "http.pcap").code == 0
    spec: dict[str, object] = {"__file__": str(tmp_path / "test_my_box.py")}
    exec((tmp_path / "test_my_box.py").read_text(), spec)
    spec["test_what_comes_in_goes_out"]()  # type: ignore[operator]
    again = mcc("new", "my_box")
    assert again.code == 2 and "my_box.py and test_my_box.py exist already" in again.err
    assert mcc("new", "no-name").code == mcc("new", "class").code == 2


def test_new_where_nothing_can_be_written(mcc: Mcc, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/proc")
    assert mcc("new", "box").code == 4


def test_doctor(mcc: Mcc) -> None:
    done = mcc("doctor")
    assert done.code == 0 and "mcc can build and run chains here" in done.out
    for name in ("Python", "C compiler", "cache folder", "tshark", "AF_XDP"):
        assert name in done.out


def test_doctor_without_a_compiler(mcc: Mcc, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    done = mcc("doctor")
    assert done.code == 1
    assert "missing C compiler: " in done.out and "apt install gcc" in done.out and "C compiler: mcc needs that" in done.out
