"""The numbers that make the game feel as it does: pixels, seconds and hit points. Rules and bots both read them."""

SHIP_RADIUS = 14.0
HP_MAX = 100.0

TURN_RATE = 620.0  # turn units per second; 1024 to a full circle
THRUST = 380.0  # pixels per second per second
BOOST_FACTOR = 2.2
BOOST_DRAIN = 0.6  # of a full tank per second
BOOST_REFILL = 0.14
DRAG = 0.9  # per second; top speed is THRUST / DRAG
WALL_BOUNCE = 0.6  # the share of speed kept

SHOT_SPEED = 520.0
SHOT_LIFE_S = 0.8
SHOT_RADIUS = 3.0
SHOT_DAMAGE = 10.0
FIRE_EVERY_S = 0.3
RAPID_EVERY_S = 0.15
AMMO_MAX = 24
AMMO_START = 10
AMMO_REFILL_EVERY_S = 1.7

RESPAWN_AFTER_S = 4.0
NEWCOMER_S = 15.0  # quick play sends nobody into a last round that is so near its end
SPAWN_GUARD_S = 2.0
REPAIR_AFTER_S = 4.0  # without a hit, the hull mends itself
REPAIR_PER_S = 5.0
CREDIT_S = 6.0  # a death in the ring counts for whoever hit last within this time

PICKUP_RADIUS = 16.0
PICKUP_EVERY_S = 5.0
PICKUPS_MAX = 6
PICKUP_AMMO = 10
PICKUP_HEALTH = 40.0
PICKUP_RAPID_S = 6.0
PICKUP_SHIELD_S = 5.0

COUNTDOWN_S = 3.0
INTERMISSION_S = 5.0

RING_HOLD = 0.15  # shares of the round's length: the ring waits, shrinks to its core, then closes
RING_CORE = 0.85
RING_CORE_SHARE = 0.16  # the core's radius as a share of the map's reach
RING_NO_SPAWN = 60.0  # a ring smaller than this lets nobody in any more
RING_DAMAGE = 6.0  # per second, at the start of a round
RING_DAMAGE_GROWTH = 10.0  # more per second at its end

MARKER_S = 4.0
MARKER_EVERY_S = 1.0
