"""The experiments on raw layers in one table: which promise each is about, and which layers are known to break it."""

from collections.abc import Awaitable, Callable

from attrs import frozen

from tests.verify.layers import loss_in_layers as loss
from tests.verify.layers import ordering_of_layers as order
from tests.verify.layers import starvation_in_layers as starvation
from tests.verify.layers.bench import KINDS, Bench, Kind, Shown


@frozen
class Experiment:
    """``breaks``: the layers that are known not to keep it. ``on``: those that can be put to it."""

    promises: tuple[str, ...]
    title: str
    run: Callable[[Bench], Awaitable[Shown]]
    breaks: tuple[Kind, ...] = ()
    on: tuple[Kind, ...] = KINDS

    @property
    def id(self) -> str:
        """The function's name."""
        return self.run.__name__


REDIS: tuple[Kind, ...] = ("core", "pubsub")
TABLE = (
    Experiment(("O1",), "one sender's messages in order", order.one_sender),
    Experiment(("O1", "O22"), "also when its clock steps back 10 ms", order.clock_steps_back, ("core",)),
    Experiment(("O2",), "nothing twice after one Redis error", order.at_most_once, ("core",)),
    Experiment(("O3", "O8", "O24"), "one order for all, 20 ms skew between senders", order.two_senders, ("core",)),
    Experiment(("O5",), "a gap is told (CLIENT KILL)", loss.gap_is_told, ("pubsub",), REDIS),
    Experiment(("O10",), "who has joined hears what comes next", loss.join_is_a_barrier, ("pubsub",)),
    Experiment(("O11",), "nothing after leave", loss.nothing_after_leave, KINDS),
    Experiment(("O12",), "members outlive a Redis restart", starvation.restart_is_survived, ("core",), REDIS),
    Experiment(("O15",), "an unread message does not evict", starvation.unread_message_expires, ("memory",)),
    Experiment(("O15", "O22"), "a member stays one for a day", starvation.a_day_passes, ("memory", "core")),
    Experiment(("O15",), "a half-open link is noticed", starvation.half_open_link_is_noticed, ("pubsub",), REDIS),
    Experiment(("O15",), "an idle reader lives", starvation.idle_reader_lives, ("core",)),
    Experiment(("O16",), "a stalled reader's queue is bounded", loss.stalled_reader_is_bounded, ("pubsub",)),
    Experiment(("O15",), "other processes hear", starvation.another_process_hears, ("memory",)),
    Experiment(
        ("O22",), "queued messages outlive a clock step of 61 s", order.queued_at_a_clock_step, ("memory", "core")
    ),
    Experiment(("O5", "O23"), "a stalled reader loses nothing silently", loss.stalled_reader_loses, ("memory", "core")),
    Experiment(("O23",), "50 rooms do not share one capacity", loss.neighbours_share, ("core",)),
    Experiment(("O23",), "a neighbour's disconnect loses nothing", loss.neighbour_leaves, ("core",), REDIS),
)
