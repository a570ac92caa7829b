// `node decode.mjs RECORDING`: what a Colyseus client saw, one JSON line per patch, decoded by the SDK's own room.
import fs from 'node:fs';
import { Room, Protocol } from '@colyseus/sdk';

const HEAD_BYTES = 13;                                   // f64 when, u8 opcode, u32 length
const room = new Room('arena');
room.connection = { isOpen: true, send() {} };           // it would acknowledge; the recorded client has done so
room.reconnection.enabled = false;
room.onMessage('ack', () => {});
const data = fs.readFileSync(process.argv[2]), lines = [];
for (let at = 0; at < data.length;) {
  const when = data.readDoubleLE(at), length = data.readUInt32LE(at + 9), start = at + HEAD_BYTES;
  const payload = new Uint8Array(data.subarray(start, start + length));
  room.onMessageCallback({ data: payload });
  at = start + length;
  if ((payload[0] & 0x1f) !== Protocol.ROOM_STATE_PATCH) continue;
  lines.push(JSON.stringify([when, null, [...room.state.entities.values()].map((e) => [e.id, e.x, e.y, e.hp])]));
}
process.stdout.write(lines.join('\n') + '\n', () => process.exit(0));
