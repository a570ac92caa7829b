"""The same room program on Roomwright over each real layer: not one promise is broken, whatever the layer does."""

import pytest

from tests.support.proxy import TcpProxy
from tests.support.redis import RedisServer
from tests.verify.layers.bench import KINDS, Kind
from tests.verify.layers.room_program import run_program

LEAST = {
    "FrameIn": 100, "Commit": 80, "Answered": 100, "AnswerIn": 100, "ChatIn": 8, "NoticeIn": 1, "Welcomed": 8,
    "LeaveSent": 1, "Replayed": 1, "Named": 4,
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_every_promise_over_a_real_layer(kind: Kind, shared_redis: RedisServer, shared_proxy: TcpProxy):
    run = run_program(kind, shared_redis, shared_proxy)
    print(kind, run.counts, run.faults)
    assert not run.found, "\n".join(map(str, run.found[:12]))
    few = {name: run.counts.get(name, 0) for name, least in LEAST.items() if run.counts.get(name, 0) < least}
    assert not few, f"the run shows too little of {few}: {run.counts}"
