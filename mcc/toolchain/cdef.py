"""What Python sees of a module: declarations taken from the runtime's own headers, so they cannot go stale."""

from __future__ import annotations

import re
from pathlib import Path

_TYPES = """
enum mcc_verdict { MCC_PASS, MCC_DROP = -1, MCC_CLOSE = -2, MCC_RESET = -3, MCC_PARKED = -4, MCC_FAULT = -5 };
struct mcc_box;
struct mcc_buffers;
"""

_DEFINED = {"MCC_MAX_PORTS": "64", "MCC_ENDS": "7", "MCC_PATTERN_BYTES": "82"}


def cdef(runtime: Path) -> str:
    """The text for cffi's `cdef`."""
    packet = (runtime / "mcc_packet.h").read_text()
    core = (runtime / "mcc_core.h").read_text()
    stream = (runtime / "mcc_stream.h").read_text()
    replay = (runtime / "mcc_replay.h").read_text()
    loop = (runtime / "mcc_crew.h").read_text() + (runtime / "mcc_io_loop.h").read_text()
    module = (runtime / "mcc_runtime.h").read_text()
    offload = (runtime / "mcc_offload.h").read_text()
    parts = [_TYPES, _struct(packet, "mcc_packet"), _struct(offload, "mcc_pattern"), _struct(offload, "mcc_mark"),
             _struct(core, "mcc_count"), _struct(core, "mcc_port_count"),
             _struct(core, "mcc_log"), _struct(core, "mcc_core"), _struct(core, "mcc_config"),
             _struct(stream, "mcc_tcp_counts"),
             _without_directives(replay), _without_directives(loop), _declarations(module)]
    text = "\n".join(parts)
    for name, value in _DEFINED.items():
        text = text.replace(f"[{name}]", f"[{value}]")
    return text.replace("extern const struct mcc_flow_layout mcc_box_layout[];",
                        "extern const struct mcc_flow_layout mcc_box_layout[];")


def _strip(text: str) -> str:
    return re.sub(r"/\*.*?\*/", "", text, flags=re.S)


def _struct(text: str, name: str) -> str:
    found = re.search(rf"^struct {name} \{{.*?^\}};", _strip(text), flags=re.S | re.M)
    assert found, name
    return re.sub(r"^#if .*?^#endif\n", "    ...;\n", found.group(0), flags=re.S | re.M)  # fields of some modules only


def _without_directives(text: str) -> str:
    body = "\n".join(line for line in _strip(text).splitlines() if not line.startswith("#"))
    return re.sub(r"^struct (mcc_packet|mcc_core|mcc_pattern);$", "", body, flags=re.M)


def _declarations(text: str) -> str:
    """Everything behind the includes of mcc_runtime.h."""
    body = _strip(text)
    return "\n".join(line for line in body.partition("struct mcc_box;")[2].splitlines() if not line.startswith("#"))
