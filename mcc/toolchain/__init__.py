"""From printed C to a loaded extension module: compiler, cache, cffi."""

from mcc.toolchain.module import Built, build_module, cache_folder, compiler

__all__ = ["Built", "build_module", "cache_folder", "compiler"]
