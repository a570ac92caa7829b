"""How a mutant is looked for: the promises over one run's trace, or a comparison of two runs."""

import re

from server.rooms.room import Room
from server.verify import trace as tr
from server.verify.promises import Violation, violations
from server.verify.world import World
from tests.verify.mutants.schedules import Schedule
