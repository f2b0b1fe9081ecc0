"""Port specifications and what they may be bound to."""

from __future__ import annotations

import errno
import re
from pathlib import Path

import pytest

from mcc.run.device import cannot_open
from mcc.run.ports import Binding, bind, parse_port_options, parse_spec
from mcc.run.usage import UsageError


@pytest.mark.parametrize(("spec", "source", "sink"), [
    ("pcap:in.pcap", "in.pcap", None), ("pcap:in.pcap,out.pcap", "in.pcap", "out.pcap"), ("pcap:,out.pcap", None, "out.pcap"),
    ("pcap:-,-", "-", "-"), ("null", None, None), ("pcap:a:b.pcap", "a:b.pcap", None)])
def test_specs(spec: str, source: str | None, sink: str | None) -> None:
    assert parse_spec("lan", spec) == Binding("lan", source, sink)


@pytest.mark.parametrize(("spec", "words"), [
    ("pcap", "not a port specification"), ("pcap:", "needs a file"), ("pcab:x", "did you mean pcap"),
    ("file.pcap", "pcap:IN"), ("null:x", "not a port specification"), ("", "not a port")])
def test_wrong_specs(spec: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        parse_spec("lan", spec)


def test_devices() -> None:
    assert parse_spec("lan", "afpacket:eth0.7") == Binding("lan", device="eth0.7", kind="afpacket")
    made = bind(["lan", "wan"], None, None, {"lan": "afpacket:eth0", "wan": "null"})
    assert made.live and not bind(["lan"], None, None, {"lan": "pcap:x"}).live
    for wrong in ("afpacket:", "tap:a/b", "tap:a b", "afpacket:a-name-of-16-byt", "tap:box%d"):
        with pytest.raises(UsageError, match="no name of an interface"):
            parse_spec("lan", wrong)
    with pytest.raises(UsageError, match="two ports are eth0"):
        bind(["lan", "wan"], None, None, {"lan": "afpacket:eth0", "wan": "afpacket:eth0"})
    with pytest.raises(UsageError, match="captures and devices do not mix"):
        bind(["lan", "wan"], None, None, {"lan": "afpacket:eth0", "wan": "pcap:x"})


@pytest.mark.parametrize(("spec", "name", "interface"), [
    ("dpdk:net_af_xdp0,iface=veth0", "net_af_xdp0", "veth0"), ("dpdk:net_null0", "net_null0", ""),
    ("dpdk:0000:01:00.0", "0000:01:00.0", ""), ("dpdk:01:00.0,a=1", "01:00.0", ""),
    ("dpdk:net_pcap0,rx_pcap=a/b.pcap,tx_pcap=c,iface=d0", "net_pcap0", "d0")])
def test_devices_of_dpdk(spec: str, name: str, interface: str) -> None:
    made = parse_spec("lan", spec)
    assert made == Binding("lan", device=spec[5:], kind="dpdk")
    assert (made.name, made.interface) == (name, interface)
    assert bind(["lan", "wan"], None, None, {"lan": spec, "wan": "afpacket:eth0"}).live


@pytest.mark.parametrize("spec", ["dpdk:", "dpdk:,iface=d0", "dpdk:net_null0, a", "dpdk:a/b", "dpdk:net_pcap0,rx_pcap=" + "x" * 1024])
def test_no_devices_of_dpdk(spec: str) -> None:
    with pytest.raises(UsageError, match="is no device of DPDK"):
        parse_spec("lan", spec)


def test_one_device_is_one_ports() -> None:
    with pytest.raises(UsageError, match="two ports are net_ring0"):
        bind(["lan", "wan"], None, None, {"lan": "dpdk:net_ring0", "wan": "dpdk:net_ring0,nodeaction=x"})
    for other in ("afpacket:d0", "dpdk:net_af_packet1,iface=d0"):  # one interface by two ways
        with pytest.raises(UsageError, match="two ports are d0"):
            bind(["lan", "wan"], None, None, {"lan": "dpdk:net_af_packet0,iface=d0", "wan": other})


def test_afxdp() -> None:
    one, third = parse_spec("lan", "afxdp:eth0"), parse_spec("lan", "afxdp:eth0,queue=3")
    assert one == Binding("lan", device="eth0", kind="afxdp") and one.opened == "eth0"
    assert third == Binding("lan", device="eth0", kind="afxdp", queue=3) and third.opened == "eth0,queue=3"
    for wrong, words in (("afxdp:", "no name of an interface"), ("afxdp:,queue=1", "no name of an interface"),
                         ("afxdp:eth0,queue=x", "'queue=x' is no option of an afxdp port"),
                         ("afxdp:eth0,queue=", "no option"), ("afxdp:eth0,rings=1", "afxdp:IF,queue=N"),
                         ("afxdp:eth0,", "no option"), ("afxdp:eth0,queue=12345", "no option"),
                         ("afxpd:eth0", "did you mean afxdp")):
        with pytest.raises(UsageError, match=words):
            parse_spec("lan", wrong)
    with pytest.raises(UsageError, match="two ports are eth0"):
        bind(["lan", "wan"], None, None, {"lan": "afxdp:eth0,queue=0", "wan": "afxdp:eth0,queue=1"})


@pytest.mark.parametrize(("error", "words"), [
    (errno.ELIBACC, "needs libxdp and libbpf, which are not installed: apt-get install libxdp-dev libbpf-dev"),
    (errno.EPERM, "no right to open an AF_XDP socket .*; run as root, or .*: setcap cap_net_raw,cap_net_admin,cap_bpf"),
    (errno.EACCES, "no right to"), (errno.ENODEV, "there is no interface 'eth0'"), (errno.ENETDOWN, "ip link set eth0 up"),
    (errno.EBUSY, "eth0 is in use: another XDP program is attached"), (errno.EEXIST, "ip link set eth0 xdp off"),
    (errno.EOPNOTSUPP, "this kernel has no AF_XDP for it .*; use afpacket:eth0"), (errno.EAFNOSUPPORT, "CONFIG_XDP_SOCKETS"),
    (errno.EINVAL, "takes no AF_XDP socket on this queue"), (errno.EMSGSIZE, "3822 is the most; ip link set eth0 mtu 1500"),
    (errno.ENOBUFS, "ulimit -l unlimited"), (errno.EPFNOSUPPORT, "eth0 is not an Ethernet interface"),
    (errno.ENOMEM, "there is not enough memory")])
def test_afxdp_that_cannot_be_opened(error: int, words: str) -> None:
    said = cannot_open(parse_spec("lan", "afxdp:eth0"), error)
    assert said.startswith("port lan: ") and re.search(words, said)


def test_options() -> None:
    assert parse_port_options(["lan=pcap:a=b.pcap", "wan=null"]) == {"lan": "pcap:a=b.pcap", "wan": "null"}
    for wrong, words in ((["lan"], "is not NAME=SPEC"), (["=x"], "is not NAME"), (["a=null", "a=null"], "given twice")):
        with pytest.raises(UsageError, match=words):
            parse_port_options(wrong)


def test_one_capture_for_one_or_two_ports() -> None:
    for names in (["lan"], ["lan", "wan"]):
        made = bind(names, "in.pcap", "out.pcap", {})
        assert made.shared and (made.source, made.sink) == ("in.pcap", "out.pcap")
        assert [p.port for p in made.ports] == names
    with pytest.raises(UsageError, match="has 3 ports: a, b, c; one capture can feed two"):
        bind(["a", "b", "c"], "in.pcap", None, {}, "chain x")


def test_files_a_port() -> None:
    made = bind(["lan", "wan"], None, None, {"wan": "pcap:b.pcap", "lan": "pcap:a.pcap,c.pcap"})
    assert made.ports == (Binding("lan", "a.pcap", "c.pcap"), Binding("wan", "b.pcap"))
    assert (made.sources, made.sinks) == (("a.pcap", "b.pcap"), ("c.pcap",))


@pytest.mark.parametrize(("capture", "out", "specs", "words"), [
    (None, None, {}, "nothing to read"), ("x", None, {"lan": "null"}, "two ways to say the same"),
    (None, "o", {"lan": "pcap:x", "wan": "null"}, "each port has its own output"),
    (None, None, {"lam": "null"}, "has no port 'lam'"), (None, None, {"lan": "pcap:x"}, "nothing is said about port wan"),
    (None, None, {"lan": "null", "wan": "null"}, "no port has a capture"),
    (None, None, {"lan": "pcap:x,o", "wan": "pcap:y,o"}, "two ports write to o"),
    (None, None, {"lan": "pcap:x,y", "wan": "pcap:y"}, "y is read and written"),
    (None, None, {"lan": "pcap:-", "wan": "pcap:-"}, "two ports read standard input"), ("x", "x", {}, "x is read and written")])
def test_what_does_not_fit(capture: str | None, out: str | None, specs: dict[str, str], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        bind(["lan", "wan"], capture, out, specs)


def test_a_file_is_recognised_behind_a_link(tmp_path: Path) -> None:
    (tmp_path / "a.pcap").write_bytes(b"")
    (tmp_path / "b.pcap").symlink_to(tmp_path / "a.pcap")
    with pytest.raises(UsageError, match="read and written"):
        bind(["lan"], str(tmp_path / "a.pcap"), str(tmp_path / "b.pcap"), {})
