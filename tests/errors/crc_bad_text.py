"""A CRC is a number."""

from mcc.std import StreamCRC

instance = StreamCRC(bad=["352441c2"])
