"""What waits for a room that is being opened: at most so much, each once, and nobody who has hung up."""

from server.relay import envelope as e
from server.rooms.claims import CLAIM_WAITING_MAX, CLAIMS_MAX, Claims


def join(conn: str, room: str = "r1") -> e.Join:
    return e.Join(room, conn, "ann", "Ann", "player", ("public",), 1, None)


def gone(conn: str, room: str = "r1") -> e.Part:
    return e.Part(room, conn, is_lost=True, is_new=True)


def opening(*rooms: str) -> Claims:
    claims = Claims()
    for room in rooms or ("r1",):
        assert claims.begin(room)
    return claims


def test_who_waits_is_let_in_by_the_order_of_coming():
    claims = opening()
    for conn in ("a", "b", "c"):
        assert claims.put("g", join(conn))
    assert [item for _, item in claims.end("r1")] == [join("a"), join("b"), join("c")]
    assert "r1" not in claims


def test_who_hangs_up_waits_no_longer_and_nobody_elses_list_grows():
    """45 guests who hung up while 45 rooms opened: each Part was put into each list, and again as each claim ended."""
    rooms = [f"r{n}" for n in range(45)]
    claims = opening(*rooms)
    for room in rooms:
        assert claims.put("g", join(f"c-{room}", room))
    for room in rooms:
        assert claims.put("g", gone(f"c-{room}", room))
    assert [claims.end(room) for room in rooms] == [[] for _ in rooms]


def test_one_too_many_is_refused_and_who_waits_already_is_not():
    claims = opening()
    for n in range(CLAIM_WAITING_MAX):
        assert claims.put("g", join(f"c{n}"))
    assert not claims.put("g", join("late")) and claims.put("g", join("c0"))
    assert claims.put("g", gone("c0")) and claims.put("g", join("late"))
    assert len(claims.end("r1")) == CLAIM_WAITING_MAX


def test_kicks_count_among_those_who_wait():
    claims = opening()
    for n in range(CLAIM_WAITING_MAX):
        assert claims.put("g", e.Kick("r1", f"k{n}", 0, "", "enough"))
    assert not claims.put("g", e.Kick("r1", "late", 0, "", "enough"))


def test_what_only_a_member_says_does_not_wait():
    claims = opening()
    for n in range(10):
        for item in (
            e.AckItem("r1", "a", 1, n),
            e.SayItem("r1", "a", "x"),
            e.WantKeyItem("r1", 0),
            e.WantChat("r1", 0),
        ):
            assert claims.put("g", item)
    assert claims.end("r1") == []


def test_a_silent_gateways_people_wait_no_longer():
    claims = opening()
    claims.put("g", join("a"))
    claims.put("h", join("b"))
    claims.lose_gateway("g")
    assert claims.end("r1") == [("h", join("b"))]


def test_a_process_opens_so_many_rooms_at_once_and_no_more():
    claims = opening(*(f"r{n}" for n in range(CLAIMS_MAX)))
    assert not claims.begin("late") and "late" not in claims
    claims.end("r0")
    assert claims.begin("late")
