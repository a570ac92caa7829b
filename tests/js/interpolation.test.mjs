/** What is drawn between snapshots, and the clock that says where between. Time is an argument throughout. */

import assert from "node:assert/strict";
import test from "node:test";
import { RoomClock } from "../../clients/browser/sdk/clock.mjs";
import { Interpolation } from "../../clients/browser/sdk/interpolation.mjs";

const MOTIONS = { ships: { linear: ["x"], wrapped: { heading: 1024 }, teleport: 250 } };

/** @param {[number, Record<string, any>[]][]} snapshots */
function filled(snapshots) {
  const interpolation = new Interpolation(MOTIONS);
  for (const [ms, ships] of snapshots) interpolation.push(ms, () => ships.map((ship) => ({ key: 1, ...ship })));
  return interpolation;
}

test("half way between two snapshots is half way", () => {
  const between = filled([[100, [{ x: 0, heading: 0 }]], [150, [{ x: 10, heading: 100 }]]]);
  assert.deepEqual(between.at("ships", 125), [{ key: 1, x: 5, heading: 50 }]);
});

test("angles take the shorter way round", () => {
  const forward = filled([[0, [{ x: 0, heading: 1000 }]], [50, [{ x: 0, heading: 40 }]]]);
  assert.equal(forward.at("ships", 25)[0]?.["heading"], (1000 + 32) % 1024);
  const back = filled([[0, [{ x: 0, heading: 40 }]], [50, [{ x: 0, heading: 1000 }]]]);
  assert.equal(back.at("ships", 40)[0]?.["heading"], (1024 + 40 - 64 * 0.8) % 1024);
});

test("a jump is shown as a jump", () => {
  const jumped = filled([[0, [{ x: 0, heading: 0 }]], [50, [{ x: 900, heading: 0 }]]]);
  assert.equal(jumped.at("ships", 25)[0]?.["x"], 0);
  assert.equal(jumped.at("ships", 49)[0]?.["x"], 0);
  assert.equal(jumped.at("ships", 50)[0]?.["x"], 900);
  assert.equal(jumped.at("ships", 60)[0]?.["x"], 900);
});

test("a late snapshot lets motion go on for a moment, and no longer", () => {
  const late = filled([[0, [{ x: 0, heading: 0 }]], [50, [{ x: 10, heading: 0 }]]]);
  assert.equal(late.at("ships", 75)[0]?.["x"], 15);
  assert.equal(late.at("ships", 10_000)[0]?.["x"], late.at("ships", 5_000)[0]?.["x"]);
});

test("who comes or goes does so at the snapshot's own time", () => {
  const coming = filled([[0, []], [50, [{ x: 5, heading: 0 }]]]);
  assert.deepEqual(coming.at("ships", 25), []);
  assert.equal(coming.at("ships", 60)[0]?.["x"], 5);
  const going = filled([[0, [{ x: 5, heading: 0 }]], [50, []]]);
  assert.equal(going.at("ships", 25)[0]?.["x"], 5);
  assert.deepEqual(going.at("ships", 60), []);
});

test("the clock believes the quickest of the last frames, and slews", () => {
  const clock = new RoomClock(60);
  clock.heard(0, 1000);
  assert.equal(clock.roomMs(1000), 0);
  clock.heard(3, 1050 + 80); // this frame was 80 ms late
  assert.ok(Math.abs(clock.roomMs(1100) - 100) < 1e-9);
  clock.heard(6, 1100 - 20); // and this one came 20 ms quicker than the first
  const ahead = clock.roomMs(1100) - 100;
  assert.ok(ahead > 0 && ahead < 20, `${ahead}`);
});

test("skipped time sets the clock anew", () => {
  const clock = new RoomClock(60);
  clock.heard(0, 0);
  clock.heard(600, 1000);
  assert.ok(Math.abs(clock.roomMs(1000) - 10_000) < 1e-9);
});
