"""From printed C to a loaded extension module: compiler, cache, cffi."""

from mcc.toolchain.module import ZLIB, Built, build_module, cache_folder, compiler, is_there

__all__ = ["ZLIB", "Built", "build_module", "cache_folder", "compiler", "is_there"]
