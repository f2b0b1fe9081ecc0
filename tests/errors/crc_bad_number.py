"""It is in a list, though there be one."""

from mcc.std import StreamCRC

instance = StreamCRC(bad=0x352441C2)
