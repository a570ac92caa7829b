"""Every mutant: which line of the product is broken, the promise that it breaks, and the schedule that shows it."""

from attrs import frozen

from game import columns, tracker
from game.wire import client, session, showing
from game.wire.ring import Ring
from server import clock
from server.relay import feed, hub, link, notices, port
from server.rooms import admission, chat, claims, delay, framing, holder, inputs, kicks, match, room, seats, talk
from server.sockets import connection, gateway, revocation
from tests.verify.mutants import judges
from tests.verify.mutants.judges import Judge
from tests.verify.mutants.patching import Line


@frozen
class Mutant:
    """``promise`` must be broken by it, as ``judge`` finds; others may be too. ``seeds`` are tried in turn."""

    name: str
    promise: str
    line: Line
    schedule: str
    judge: Judge = judges.one_run
    seeds: int = 1


def _of(
    promise: str, name: str, where: object, function: str, old: str, new: str, schedule: str, **more: object
) -> Mutant:
    return Mutant(name, promise, Line(where, function, old, new), schedule, **more)  # type: ignore[arg-type]  # named


INPUTS = (
    _of("O1", "the newest input goes first", inputs.InputQueue, "due",
        "out.append(self.waiting.popleft())", "out.append(self.waiting.pop())", "evening"),
    _of("O1", "a batch of inputs is taken from its end", holder.Holder, "_on_batch",
        'for item in link.receive(batch, message["reply"], monotonic()):',
        'for item in reversed(link.receive(batch, message["reply"], monotonic())):', "evening"),
    _of("O2", "an input is applied twice", match.Match, "_take_inputs",
        "yield seat, pending.body", "yield seat, pending.body\nyield seat, pending.body", "evening"),
    _of("O2", "an input is applied and answered as refused", match.Match, "_take_inputs",
        "self._answer(seat, pending, tick_no, reason)", "self._answer(seat, pending, tick_no, reason or 'rate')", "evening"),
    _of("O8", "the count of ticks goes back now and then", room.Room, "tick",
        "self.tick_no += 1", "self.tick_no += 1 if self.tick_no % 50 < 49 else -9", "evening"),
    _of("O9", "an input is acknowledged before it is applied", inputs.InputQueue, "answer",
        "(Given(pending.n, tick, reason, cut), None)", "(Given(pending.n, tick + 1, reason, cut), None)", "evening"),
    _of("O9", "an answer is sent once and never again", inputs.InputQueue, "to_send",
        "return [given for given, _ in self._answers]",
        "return [given for given, first in self._answers if first == seq]", "bad_weather"),
    _of("O9", "an answer counts as acknowledged at any ack", inputs.InputQueue, "acknowledge",
        "self._answers[0][1] <= position.seq", "self._answers[0][1] <= position.seq + 9", "bad_weather", seeds=8),
    _of("O18", "the record leaves out who left", match.Match, "vacate",
        "self.recorder.left(number, reason)", "pass", "evening"),
    _of("O18", "the record leaves out inputs", match.Match, "step",
        "self.recorder.tick(self.tick, inputs=applied)", "self.recorder.tick(self.tick, inputs=applied[1:])", "evening"),
    _of("O21", "a result is recorded at each tick", room.Room, "_finish",
        "match.is_decided = True", "pass", "match_ends"),
    _of("O21", "the end is shown before its result is written", room.Room, "_finish",
        "match.is_decided = True", "match.is_decided = True\nself.result_is_written(result)", "match_ends"),
    _of("O21", "a written result is never told", room.Room, "tick",
        "self._announce_result()", "pass", "match_ends"),
    _of("O21", "a result is written twice", holder.Holder, "_send",
        "self._spawn(self._record(room, out))",
        "self._spawn(self._record(room, out))\nself._spawn(self._record(room, out))", "match_ends"),
    _of("O23", "a refused input is dropped in silence", match.Match, "_take_inputs",
        "self._answer(seat, pending, tick_no, reason)", "reason or self._answer(seat, pending, tick_no, reason)", "evening"),
    _of("O23", "each ninth input is forgotten", inputs.InputQueue, "receive",
        "self.waiting.append(pending)", "pending.n % 9 == 0 or self.waiting.append(pending)", "evening"),
    _of("O21", "a result is never written", holder.Holder, "_send",
        "self._spawn(self._record(room, out))", "pass", "match_ends"),
    _of("O23", "a goodbye without a close", session.Session, "finish",
        "self.close = close", "pass", "evening"),
    _of("O23", "a close without a goodbye", session.Session, "finish",
        "self._out.append(m.encode(m.Goodbye(close.value.code, close.value.name, reason, retry_after_s)))", "pass",
        "evening"),
    _of("O23", "a chat line is dropped in silence", talk.Talk, "say",
        "self.show(line, viewer.stream)", "if not text.endswith('3'): self.show(line, viewer.stream)", "evening"),
)  # fmt: skip

FRAMES = (
    _of("O7", "two frames share one seq", framing.Framer, "_public",
        "cut.seq,\n        cut.base,", "cut.seq + (cut.seq % 7 == 0),\n        cut.base,", "evening"),
    _of("O3", "one gateway's frames differ in content", feed.Feed, "_add_public",
        "{section: (is_key, data) for section, (is_key, data) in blobs.items() if data is not None},",
        "{s: (k, b'\\x01\\0\\0' if not k and self.node == 'gw2' and frame.seq % 7 == 0 else d)"
        " for s, (k, d) in blobs.items() if d is not None},", "evening"),
    _of("O3", "a patch holds only the last tick's changes", columns.TableColumns, "changed_after",
        "if newest > base:", "if newest > base + 2:", "bad_weather", seeds=4),
    _of("O4", "every second frame tells an older tick", framing.Framer, "_public",
        "        tick_no,\n", "        tick_no - 5 * (cut.seq % 2),\n", "evening"),
    _of("O5", "the client applies patches over a hole", client.Client, "_on_frame",
        "elif self.head.seq < frame.base:", "elif self.head.seq < frame.base - 100:", "swallowed"),
    _of("O5", "the client asks for a resync at each frame", client.Client, "_gap",
        "if self._resync_at is None:", "if self._resync_at is not self:", "swallowed"),
    _of("O6", "no tombstones", columns.Rows, "remove",
        "self.dead[wire_id] = seq", "pass", "evening"),
    _of("O6", "who changes sides stays where it was", tracker.Tracker, "_settle",
        "if placement is None or placement.where != now:", "if placement is None:", "evening"),
    _of("O6", "wire ids are used again", tracker.Tracker, "_new_id",
        "self._next_id[space] = self._next_id.get(space, 0) + 1",
        "self._next_id[space] = self._next_id.get(space, 0) % 5 + 1", "evening"),
    _of("O6", "a patch is one frame short", tracker.Tracker, "patch",
        "part = _table_patch(rows, base)", "part = _table_patch(rows, base + 1)", "bad_weather", seeds=4),
    _of("O6", "patches are chained over a hole", Ring, "_hop",
        "if hop.seq <= end and hop.base <= at:", "if hop.seq <= end:", "bad_weather", seeds=16),
    _of("O7", "a KEY tells the tick to come", framing.Framer, "_public",
        "        tick_no,\n", "        tick_no + (cut.public.key is not None),\n", "evening"),
    _of("O7", "a wanted KEY uses the last seq again", framing.Framer, "want_key",
        "self.live.is_key_wanted = True",
        "self.live.is_key_wanted = True\nself.live.tracker.seq -= 1", "bad_weather", seeds=8),
    _of("O10", "a newcomer gets a frame of before its welcome", session.Session, "take",
        "newest is None or newest.tick < self._since_tick:", "newest is None:", "evening"),
    _of("O10", "the newest message goes first", connection.Connection, "_say",
        "in self.session.data_to_send():", "in reversed(self.session.data_to_send()):", "evening"),
    _of("O10", "a newcomer stands in the roster from its first input on", match.Match, "sources",
        '"_seats": self.roster,', '"_seats": {n: row for n, row in self.roster.items() if self.inputs[n].received_through},',
        "evening"),
    _of("O12", "a token gives another seat", admission.Admission, "join",
        "elif item.resume is not None:", "elif item.resume is self:", "comings_and_goings"),
    _of("O13", "everybody has the sections of all seats", admission.Admission, "sections_of",
        "for seat in viewer.seats for", "for seat in self.match.inputs for", "evening"),
    _of("O13", "a hidden card exists for everybody", tracker, "_whereabouts",
        "getattr(entity, spec.audience_of) if spec.audience_of else spec.audience", "PUBLIC",
        "comings_and_goings", judge=judges.canaries),
    _of("O13", "the public clock tells the size of what is hidden", framing.Framer, "_public",
        "round((now - self.started_at) * 1000)",
        "round((now - self.started_at) * 1000) + sum(len(c.key or c.patch or b'') for c in cut.private.values())",
        "evening", judge=judges.other_secrets),
    _of("O13", "a neighbour's answers stand in the frame of who has none", session.Session, "own_answers",
        "return rows", "return rows or list(answers.values())[:1]", "evening", judge=judges.other_secrets),
    _of("O13", "the public clock tells how much others are answered", framing.Framer, "_frame",
        "public = self._public(cut, stream, tick_no, now,",
        "now += sum(len(rows.data) for own in answers.values() for rows in own.values()) / 1000\n"
        "public = self._public(cut, stream, tick_no, now,", "evening", judge=judges.other_secrets),
    _of("O13", "what the staff tell one user is told to all", notices.Users, "_addressed",
        'if kind == "user":', 'if kind == "somebody":', "evening", judge=judges.other_secrets),
    _of("O14", "a spectator waits half the delay", delay.DelayLine, "put",
        "now + self.delay_s", "now + self.delay_s / 2", "delayed"),
    _of("O14", "a late spectator gets what still waits", delay.DelayLine, "again",
        "return list(self._released)",
        "return [*self._released, *(out for _, out in self._waiting if isinstance(out, FrameOut))]", "delayed"),
    _of("O14", "a spectator hears the players at once", talk.Talk, "say",
        "self.line.put(NewsOut(e.RoomNews(self.incarnation, e.DELAYED_STREAM, (line,))), now)",
        "self.show(line, e.DELAYED_STREAM)", "delayed"),
    _of("O15", "a reader that is behind holds up its gateway", hub.Hub, "_on_public",
        "if feed.on_public(frame):",
        "if not any(m.session._is_behind(now) for m in watched.members.values()) and feed.on_public(frame):",
        "evening", judge=judges.stalled_reader),
    _of("O15", "a lost frame is never asked for again", feed.Feed, "may_ask_key",
        "if now - self._key_asked_at < ASK_EVERY_S:", "if self._key_asked_at > 0.0:", "bad_weather", seeds=8),
    _of("O15", "who slept counts it as the others' silence", clock.OwnTime, "beat",
        "slept_s + late_s", "slept_s", "asleep", judge=judges.nobody_is_sent_away),
    _of("O15", "who wakes up judges before it looks at its own clock", clock.OwnTime, "at",
        "(now if now < stops_at else stops_at)", "now", "asleep", judge=judges.nobody_is_sent_away),
    _of("O15", "the watchdog sleeps", port.Port, "_look_after_layer",
        "is_deaf = self._unanswered_probes >= DEAF_AFTER_PROBES and monotonic() - self._echo_at > DEAF_AFTER_S",
        "is_deaf = False", "deaf_layer"),
    _of("O15", "a frame is offered to the first member only", showing.Showing, "show",
        "for viewer in list(self._apart):", "for viewer in list(self._apart)[:1]:", "one_plays"),
    _of("O9", "a cohort's answered are shown the frame without them first", showing.Cohort, "show",
        "sends[viewer.session.place] = len", "pass", "evening"),
    _of("O9", "a cohort hears of no answers", showing.Cohort, "_answered",
        "if answers[seat].last <= told[seat]:", "if told[seat] >= 0:", "evening"),
    _of("O16", "a full queue takes more", inputs.InputQueue, "receive",
        "if len(self.waiting) >= WAITING_MAX:", "if len(self.waiting) < 0:", "crowded"),
    _of("O16", "answers are kept without a bound", inputs.InputQueue, "due",
        "while self.waiting and len(self._answers) + len(out) < UNACKED_ANSWERS_MAX:", "while self.waiting:",
        "deaf_client"),
    _of("O17", "seqs begin again", tracker.Tracker, "advance",
        "self.seq += 1", "self.seq = self.seq % 40 + 1", "evening"),
)  # fmt: skip

CRASHES = tuple(
    _of("O23", f"every frame's cut fails, and {judge.__name__} is asked", framing.Framer, "_public",
        "        tick_no,\n", "        self.nonesuch,\n",
        "comings_and_goings" if judge is judges.canaries else "evening",  # in an evening cards are shown
        judge=judge)
    for judge in (judges.one_run, judges.canaries, judges.other_secrets, judges.other_clock, judges.stalled_reader)
)  # fmt: skip

PEOPLE = (
    _of("O11", "a goodbye comes twice", session.Session, "finish",
        "self.close = close", "self.close = close\nself._out.append(self._out[-1])", "comings_and_goings"),
    _of("O11", "the dismissed gets one more frame", hub.Hub, "_dismiss",
        "member.session.finish(close, reason, 1.0 if close is Close.MOVING else None)",
        "ring = watched.feed.ring\n"
        "member.session.finish(close, reason)\n"
        "member.session.state = type(member.session.state).LIVE\n"
        "member.session._is_key_wanted = True\n"
        "member.session.offer(ring, self.now())", "comings_and_goings"),
    _of("O11", "the kicked is told nothing", kicks, "kick",
        "admission.dismiss(viewer.conn, Close.NOT_ALLOWED, item.reason, now)", "admission.viewers.pop(viewer.conn)",
        "kicks"),
    _of("O11", "the kicked stays in the room", kicks, "kick",
        "admission.dismiss(viewer.conn, Close.NOT_ALLOWED, item.reason, now)", "pass", "kicks"),
    _of("O11", "the gateway goes on showing frames to the kicked", hub.Hub, "_dismiss",
        "if watched is None or member is None:", "if watched is None or member is None or close is Close.NOT_ALLOWED:",
        "kicks"),
    _of("O11", "the kicked comes back", admission.Admission, "join",
        "if item.identity in self.kept_out:", "if item.identity in ():", "kicks"),
    _of("O11", "the seat of the kicked waits out its grace", kicks, "kick",
        'admission.match.vacate(hold, "kicked")', "pass", "kicks"),
    _of("O11", "the kicked sees who sits in its seat next", kicks, "kick",
        "admission.change_sections(viewer, ())", "pass", "kicks"),
    _of("O11", "a deactivated account plays on", revocation.Revocation, "_why",
        "if kind is None:", "if kind is self:", "revoked"),
    _of("O11", "nobody hears that an account has changed", hub.Hub, "on_control",
        'self.users.on_account(str(message["id"]))', "pass", "revoked"),
    _of("O11", "a deactivated account takes everybody with it", revocation.Revocation, "check",
        "for n, each in enumerate(here):", "for n, each in enumerate(self.connections()):", "revoked"),
    _of("O19", "a takeover leaves the older connection in", admission.Admission, "_regain",
        'self.dismiss(older, Close.REPLACED, "a newer connection took this seat", now)', "pass", "comings_and_goings"),
    _of("O19", "a takeover forgets whom it replaced", seats.SeatTable, "resume",
        "replaced, hold.conn = hold.conn, conn", 'replaced, hold.conn = "", conn', "comings_and_goings"),
    _of("O20", "a group is named after the route", notices.Users, "know",
        "self.control.join(e.user_group(member.identity))",
        "self.control.join(e.user_group(member.session.rules.route))", "evening"),
    _of("O22", "a room lives by the wall clock", holder.Holder, "_tick",
        "room.tick(monotonic())",
        "opened = room.facts.started.timestamp() - room.framer.started_at\n"
        "room.tick(self.services.wall_now().timestamp() - opened)", "evening", judge=judges.other_clock),
    _of("O24", "chat skips a number", chat.ChatLog, "add",
        "self.through += 1", "self.through += 1 + (self.through == 2)", "evening"),
    _of("O24", "a line is said twice", talk.Talk, "say",
        "self.show(line, viewer.stream)", "self.show(line, viewer.stream)\nself.show(line, viewer.stream)", "evening"),
    _of("O24", "batches of a link come twice", link.Link, "receive",
        "fresh = batch.items[skip:]", "fresh = batch.items[skip:] if skip < len(batch.items) else batch.items",
        "bad_weather", seeds=8),
    _of("O24", "a notice is shown twice", client.Client, "_on_message",
        "if message.id in self._notices:", "if message.id in ():", "comings_and_goings"),
)  # fmt: skip

HOSTILE = (
    _of("O25", "who hangs up stands in the list of every room that opens", claims.Claims, "put",
        "waiting.pop(item.conn, None)",
        "for each in self._waiting.values():\n    each[f'{item.conn} {len(each)}'] = (gateway, item)",
        "evening", judge=judges.openings),
    _of("O25", "who hangs up while a room opens takes all who wait with it", claims.Claims, "put",
        "waiting.pop(item.conn, None)", "waiting.clear()", "evening", judge=judges.openings),
    _of("O25", "who hangs up takes back the query that another waits for", gateway.Gateway, "_make",
        "return await self._ask(asyncio.shield(self._opening[code]))",
        "return await self._ask(self._opening[code])", "evening", judge=judges.openings),
    _of("O25", "all connections of a route share one bucket", session.Session, "share",
        'self._flood = allowance.bucket("flood")',
        "self._flood = self.rules.sizes.setdefault('bucket', TokenBucket(self.rules.flood))",
        "evening", judge=judges.floods),
    _of("O25", "a refused line takes a number", session.Session, "_on_chat",
        'self._error(now, "chat", "length", f"expected 1 to {self.rules.chat_length} characters, got {len(text)}")',
        'self._error(now, "chat", "length", "")\nself._commands.append(SayLine(""))', "evening", judge=judges.floods),
    _of("O25", "an input that is refused closes its room", room.Room, "_on_input",
        "body, reason = None, item.reason",
        "body, reason = None, item.reason\nif reason:\n    self.end(Close.INTERNAL, 'an odd input')",
        "evening", judge=judges.odd_fields),
    _of("O25", "an ack of the future asks for a KEY of the whole room", session.Session, "_on_ack_alone",
        'self._error(now, "ack", "future", f"expected at most {self.head.epoch}/{self.head.seq}")',
        'self._error(now, "ack", "future", "")\nself._commands.append(Acknowledge(Position(0, 0)))\nself._commands.append(SayLine("?"))',
        "evening", judge=judges.odd_order),
)  # fmt: skip

ALL = (*INPUTS, *FRAMES, *CRASHES, *PEOPLE, *HOSTILE)
