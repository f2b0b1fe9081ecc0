"""Property tests of a chain that edits TCP streams in the middle: docs/testing.md. Needs Hypothesis (mcc[test])."""

from __future__ import annotations

from mcc.testing.checking import Result, check_chain, check_property, examine, subject_of
from mcc.testing.conversation import Conversation, Lab, Outcome, lab, tcp_cut
from mcc.testing.ladder import ladder
from mcc.testing.needed import MissingHypothesis
from mcc.testing.plans import Dialogue, Fate, Host
from mcc.testing.positions import Edit, PositionMap
from mcc.testing.properties import Property, properties
from mcc.testing.simulation import BoxLike, run
from mcc.testing.strategies import dialogues, hosts, impairments, segments, streams
from mcc.testing.subject import Broken, NotApplicable, Series, Subject, Transform, identity
from mcc.testing.trace import Trace

__all__ = [
    "BoxLike", "Broken", "Conversation", "Dialogue", "Edit", "Fate", "Host", "Lab", "MissingHypothesis",
    "NotApplicable", "Outcome", "PositionMap", "Property", "Result", "Series", "Subject", "Trace", "Transform",
    "check_chain", "check_property", "dialogues", "examine", "hosts", "identity", "impairments", "lab", "ladder",
    "properties", "run", "segments", "streams", "subject_of", "tcp_cut",
]
