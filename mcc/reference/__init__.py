"""The reference: chains and handlers run by CPython, independent of the type checker and of the code generator."""

from mcc.reference.box import PythonBox, Sent
from mcc.reference.runner import Runner

__all__ = ["PythonBox", "Runner", "Sent"]
