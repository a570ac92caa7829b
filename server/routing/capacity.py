"""How many clients of a room type one process can carry, from a calibration: estimates on the safe side, like the budget.

A client costs its updates and its inputs; a room costs its ticks, the more of them the more moving numbers it has than the room
that was measured. Rooms are full; a process is full at `SHARE` of a core.
"""

from attrs import frozen

from server.routing.budget import numbers, rows_max
from server.routing.calibration import Calibration
from server.routing.plan import Plan

SHARE = 0.7
FEW_INPUTS_HZ = 2.0


@frozen
class Capacity:
    """Clients per process: when each sends all that its route accepts, and when each sends a few inputs."""

    clients_busy: int
    clients_calm: int


def capacity(plan: Plan, name: str, calibration: Calibration) -> Capacity:
    """The room type's figures."""
    rates = [
        route.accepts["input"].rate.per_second
        for route in plan.routes
        if route.room.name == name and "input" in route.accepts
    ]
    busiest = max(rates, default=0.0)
    return Capacity(
        clients(plan, name, calibration, busiest),
        clients(plan, name, calibration, min(busiest, FEW_INPUTS_HZ)),
    )


def clients(plan: Plan, name: str, calibration: Calibration, inputs_hz: float) -> int:
    """Clients in full rooms that use `SHARE` of a core."""
    room = plan.spec.rooms[name]
    schema = plan.rooms[name].schema
    moving = sum(rows_max(table, room, schema) * len(numbers(table.fields)) for table in schema.tables)
    size = max(1.0, moving / calibration.room_numbers)
    each_us = room.send_hz * calibration.update_us + inputs_hz * calibration.input_us
    room_us = room.tick_hz * calibration.room_tick_us * size + room.seats * each_us
    return int(SHARE * 1e6 / room_us * room.seats)
