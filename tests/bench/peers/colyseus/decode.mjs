// `node decode.mjs RECORDING …`: what Colyseus clients saw, a JSON line per patch, decoded by the SDK's own room.
import fs from 'node:fs';
import path from 'node:path';
import { Room, Protocol } from '@colyseus/sdk';

const HEAD_BYTES = 13;                                   // f64 when, u8 opcode, u32 length

function decode(recording) {
  const room = new Room('arena'), data = fs.readFileSync(recording);
  const lines = [JSON.stringify(path.basename(recording))];
  room.connection = { isOpen: true, send() {} };         // it would acknowledge; the recorded client has done so
  room.reconnection.enabled = false;
  room.onMessage('ack', () => {});
  for (let at = 0; at < data.length;) {
    const when = data.readDoubleLE(at), length = data.readUInt32LE(at + 9), start = at + HEAD_BYTES;
    const payload = new Uint8Array(data.subarray(start, start + length));
    room.onMessageCallback({ data: payload });
    at = start + length;
    if ((payload[0] & 0x1f) !== Protocol.ROOM_STATE_PATCH) continue;
    lines.push(JSON.stringify([when, null, [...room.state.entities.values()].map((e) => [e.id, e.x, e.y, e.hp])]));
  }
  return lines.join('\n') + '\n';
}

process.stdout.write(process.argv.slice(2).map(decode).join(''), () => process.exit(0));
