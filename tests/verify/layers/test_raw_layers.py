"""Which promises the raw layers keep, and which they break: each break is forced, so that it shows every time.

A strict expected failure stands for a break: the day that a layer's makers repair it, the suite fails and says so, and
`docs/ordering.md` is to be written anew.
"""

import asyncio

import pytest

from tests.verify.layers.bench import NAMES, Bench, Kind
from tests.verify.layers.experiments import TABLE, Experiment

EXPERIMENT_MAX_S = 20.0


class LayerBreaksPromise(Exception):
    """What was to be shown. Anything else that goes wrong is a plain failure."""


def _cases() -> list[object]:
    cases: list[object] = []
    for experiment in TABLE:
        for kind in experiment.on:
            expected = pytest.mark.xfail(
                raises=LayerBreaksPromise, strict=True, reason=f"{NAMES[kind]} breaks {'/'.join(experiment.promises)}"
            )
            marks = [expected] if kind in experiment.breaks else []
            marks += [] if kind == "memory" else [pytest.mark.redis]
            cases.append(pytest.param(experiment, kind, marks=marks, id=f"{experiment.id}-{kind}"))
    return cases


@pytest.mark.parametrize(("experiment", "kind"), _cases())
async def test_what_a_raw_layer_does(experiment: Experiment, kind: Kind, bench: Bench):
    async with asyncio.timeout(EXPERIMENT_MAX_S):
        shown = await experiment.run(bench)
    print(f"{NAMES[kind]}: {experiment.title}: {shown.trace}")
    if not shown.is_kept:
        raise LayerBreaksPromise(shown.trace)
