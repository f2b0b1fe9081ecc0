"""The reference: chains and handlers run by CPython, independent of the type checker and of the code generator."""

from mcc.lang.sent import Sent
from mcc.reference.box import PythonBox
from mcc.reference.runner import Runner

__all__ = ["PythonBox", "Runner", "Sent"]
