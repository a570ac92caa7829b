"""The budget is on the safe side: real frames of a real schema are never larger than it says."""

from pathlib import Path

import attrs
import msgspec
import pytest

from game.codec import Delta, Group, TableDelta, delta_json, encode_delta
from game.fields import PUBLIC, Kind
from game.schema import Table, WireField
from server.routing.budget import estimate, rows_max
from server.routing.ceilings import CORE, IN_MEMORY, PUBSUB
from server.routing.plan import Deployment, Plan, load_plan


@pytest.fixture
def plan(outside: Path) -> Plan:
    plan = load_plan(Path(__file__).parent / "golden" / "fine.yaml", Deployment())
    assert isinstance(plan, Plan)
    return plan


def largest(wire: WireField) -> int | str:
    return "\x01" * wire.spec.max_bytes if wire.spec.kind is Kind.TEXT else wire.spec.steps


def full_table(table: Table, rows: int) -> TableDelta:
    """Every row of a table with the largest value in each field, and ids far apart."""
    columns = [[largest(wire)] * rows for wire in table.fields]
    return TableDelta(table, [], [Group(table.full_mask, [7 + 900 * row for row in range(rows)], columns)])


def test_a_full_key_fits_the_estimate(plan: Plan) -> None:
    room, spec = plan.rooms["demo"], plan.spec.rooms["demo"]
    tables = [full_table(table, rows_max(table, spec, room.schema)) for table in room.schema.in_section(PUBLIC)]
    key = Delta(is_key=True, tables=tables)
    budget = plan.budgets["demo"]
    assert len(encode_delta(key)) <= budget.key_bytes_max
    assert len(msgspec.json.encode(delta_json(key))) <= budget.key_bytes_max


def test_a_frame_where_all_changes_fits_the_estimate(plan: Plan) -> None:
    room, spec = plan.rooms["demo"], plan.spec.rooms["demo"]
    parts = []
    for table in room.schema.in_section(PUBLIC):
        rows = rows_max(table, spec, room.schema)
        single = full_table(table, 1).groups[0].columns
        groups = [Group(table.full_mask, [7 + 900 * row], single) for row in range(rows)]
        parts.append(TableDelta(table, [9 + 900 * row for row in range(rows)], groups))
    frame = encode_delta(Delta(is_key=False, tables=parts))
    assert len(frame) * room.send_hz <= plan.budgets["demo"].worst_bytes_s


def test_more_of_anything_costs_more(plan: Plan) -> None:
    spec, schema = plan.spec.rooms["demo"], plan.rooms["demo"].schema
    base = estimate(spec, schema, PUBSUB)
    faster = estimate(attrs.evolve(spec, send_hz=60), schema, PUBSUB)
    fuller = estimate(attrs.evolve(spec, entities={"dots": 500}), schema, PUBSUB)
    assert faster.worst_bytes_s == 3 * base.worst_bytes_s
    assert fuller.key_bytes_max > base.key_bytes_max
    assert fuller.layer_messages_s == base.layer_messages_s < faster.layer_messages_s
    assert faster.rooms_per_process < base.rooms_per_process


def test_each_layer_says_how_long_a_stall_it_survives(plan: Plan) -> None:
    budget = plan.budgets["demo"]
    assert budget.stall_s.keys() == {IN_MEMORY.name, PUBSUB.name, CORE.name}
    assert all(seconds is not None and seconds > 1 for seconds in budget.stall_s.values())
