"""CRC-32 are not negative."""

from mcc.std import StreamCRC

instance = StreamCRC(kind="crc32c", bad=[1, -1])
