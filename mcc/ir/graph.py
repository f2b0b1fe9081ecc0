"""The chain as a graph; the data types stand beside the operators that build them."""

from mcc.lang.graph import Graph, GraphEdge, GraphNode

__all__ = ["Graph", "GraphEdge", "GraphNode"]
