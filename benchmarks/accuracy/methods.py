"""The methods by name. Their libraries are imported when they are asked for, not before."""

from __future__ import annotations

from benchmarks.accuracy.protocol import Method

STATISTICAL = ("last-value", "seasonal-naive", "mean", "AutoETS", "AutoTheta")
BOOSTING = {"LightGBM-L2": "l2", "LightGBM-L1": "l1"}
NEURAL = {"NF-LSTM": "LSTM", "NF-NHITS": "NHITS"}
PRETRAINED = "Fracast-0"
SERVICE = "service"
NAIVE = STATISTICAL[:2]  # those that a forecast must never be worse than
NAMES = (*STATISTICAL, *BOOSTING, PRETRAINED, *NEURAL, SERVICE)


def method(name: str, season: int, seed: int) -> Method:
    """A fresh one of NAMES."""
    if name in STATISTICAL:
        from benchmarks.accuracy.statistical import Statistical

        return Statistical(name, season)
    if name in BOOSTING:
        from benchmarks.accuracy.boosting import Boosting

        return Boosting(BOOSTING[name], seed)
    if name in NEURAL:
        from benchmarks.accuracy.neural import Neural

        return Neural(NEURAL[name], seed)
    if name == PRETRAINED:
        from benchmarks.accuracy.pretrained import Fracast

        return Fracast()
    from benchmarks.accuracy.service import Service

    return Service(seed)
