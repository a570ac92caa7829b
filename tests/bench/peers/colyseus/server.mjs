// Colyseus as a peer: the same movers and the same law of motion as tests/bench/games/arena50.py.
//   PORT=2567 MOVERS=50 HZ=20 node server.mjs        (loopback only)
import { createServer } from 'node:http';
import { Server, Room } from '@colyseus/core';
import { WebSocketTransport } from '@colyseus/ws-transport';
import { schema, t } from '@colyseus/schema';

const PORT = Number(process.env.PORT || 2567);
const MOVERS = Number(process.env.MOVERS || 50);
const HZ = Number(process.env.HZ || 20);
const SIZE = 1000, SPEED = 120;

const coordinate = () => t.quantized({ min: 0, max: SIZE, bits: 16 });
const Mover = schema({ id: t.uint16(), x: coordinate(), y: coordinate(), hp: t.int16() }, 'Mover');
const ArenaState = schema({ entities: t.map(Mover) }, 'ArenaState');

class ArenaRoom extends Room {
  maxClients = 5000;
  patchRate = 1000 / HZ;

  onCreate(options) {
    if (options.size) this.maxClients = options.size;
    this.movers = []; this.velocities = []; this.joined = 0; this.owned = new Map();
    this.state = new ArenaState();
    for (let i = 0; i < MOVERS; i++) {
      const mover = new Mover(), angle = i * 2.39996;
      mover.id = i; mover.hp = 100;
      mover.x = (i * 137.5) % SIZE; mover.y = (i * 71.3) % SIZE;
      this.state.entities.set(String(i), mover);
      this.movers.push(mover);
      this.velocities.push([Math.cos(angle) * SPEED, Math.sin(angle) * SPEED]);
    }
    this.onMessage('input', (client, message) => {
      const k = this.owned.get(client.sessionId);
      if (k !== undefined && Number.isFinite(message.dx) && Number.isFinite(message.dy)) {
        this.velocities[k][0] = message.dx * SPEED; this.velocities[k][1] = message.dy * SPEED;
      }
      client.send('ack', message.seq);                  // every input is answered, as Roomwright's protocol does
    });
    this.setTimestep((ms) => this.step(ms / 1000), 1000 / HZ);
  }

  step(dt) {
    for (let i = 0; i < this.movers.length; i++) {
      const mover = this.movers[i], v = this.velocities[i];
      let x = mover.x + v[0] * dt, y = mover.y + v[1] * dt;
      if (x < 0 || x > SIZE) { v[0] = -v[0]; x = Math.min(SIZE, Math.max(0, x)); }
      if (y < 0 || y > SIZE) { v[1] = -v[1]; y = Math.min(SIZE, Math.max(0, y)); }
      mover.x = x; mover.y = y;
    }
  }

  onJoin(client) { this.owned.set(client.sessionId, this.joined++ % MOVERS); }
  onLeave(client) { this.owned.delete(client.sessionId); }
}

const http = createServer();
const server = new Server({ transport: new WebSocketTransport({ server: http }), greet: false });
server.define('arena', ArenaRoom).filterBy(['key']);
await server.listen(PORT, '127.0.0.1');
console.log(`LISTENING node=${process.version}`);
