// game.arena.rules:Arena, version 1. Generated; do not edit.

export interface RoomRow {
  phase: "waiting" | "playing" | "ended";
  summary: string; // at most 240 bytes
}

export interface SeatsRow {
  number: number; // 0 … 254
  name: string; // at most 64 bytes
  team: number; // 0 … 255
  is_bot: boolean;
  is_connected: boolean;
}

export interface WorldRow {
  mode: "ffa" | "teams";
  phase: "waiting" | "countdown" | "fight" | "over";
  round: number; // 1 … 20
  rounds: number; // 1 … 20
  clock_s: number; // 0 … 4095
  reach: number; // 0 … 1024, step 1
  tick_hz: number; // 1 … 255
  ring_x: number; // -1024 … 1024, step 0.0625
  ring_y: number; // -1024 … 1024, step 0.0625
  ring_radius: number; // 0 … 2048, step 0.25
  winner_seat: number; // -1 … 255
  winner_team: number; // -1 … 15
  winner_name: string; // at most 64 bytes
}

export interface ShipsRow {
  seat: number; // 0 … 255
  team: number; // -1 … 15
  name: string; // at most 48 bytes
  colour: number; // 0 … 15
  is_bot: boolean;
  x: number; // -1024 … 1024, step 0.0625
  y: number; // -1024 … 1024, step 0.0625
  heading: number; // 0 … 1024, step 1
  hp: number; // 0 … 100, step 0.5
  is_alive: boolean;
  is_thrusting: boolean;
  is_boosting: boolean;
  is_shielded: boolean;
  lives: number; // 0 … 9
  kills: number; // 0 … 999
  deaths: number; // 0 … 999
  wins: number; // 0 … 20
  ammo?: number; // 0 … 99
  cooldown_s?: number; // 0 … 2, step 0.05
  boost?: number; // 0 … 1, step 0.01
  rapid_s?: number; // 0 … 10, step 0.1
  respawn_s?: number; // 0 … 10, step 0.1
}

export interface ShotsRow {
  seat: number; // 0 … 255
  team: number; // -1 … 15
  x: number; // -1024 … 1024, step 0.0625
  y: number; // -1024 … 1024, step 0.0625
  heading: number; // 0 … 1023
}

export interface PickupsRow {
  kind: "ammo" | "health" | "rapid" | "shield";
  x: number; // -1024 … 1024, step 0.0625
  y: number; // -1024 … 1024, step 0.0625
}

export interface RocksRow {
  x: number; // -1024 … 1024, step 0.0625
  y: number; // -1024 … 1024, step 0.0625
  radius: number; // 0 … 255, step 0.5
}

export interface MarkersRow {
  seat: number; // 0 … 255
  x: number; // -1024 … 1024, step 0.0625
  y: number; // -1024 … 1024, step 0.0625
}

export interface World {
  _room: RoomRow;
  _seats: Map<number, SeatsRow>;
  world: WorldRow;
  ships: Map<number, ShipsRow>;
  shots: Map<number, ShotsRow>;
  pickups: Map<number, PickupsRow>;
  rocks: Map<number, RocksRow>;
  markers: Map<number, MarkersRow>;
}

export interface Steer {
  type: "Steer";
  turn: number; // -1 … 1, step 0.125
  thrust: boolean;
  fire: boolean;
  boost: boolean;
}

export interface Ping {
  type: "Ping";
  x: number; // -1024 … 1024, step 0.0625
  y: number; // -1024 … 1024, step 0.0625
}

export type Input = Steer | Ping;

export interface Fired {
  type: "Fired";
  seat: number; // 0 … 255
}

export interface DryFire {
  type: "DryFire";
}

export interface Hit {
  type: "Hit";
  x: number; // -1024 … 1024, step 0.0625
  y: number; // -1024 … 1024, step 0.0625
  seat: number; // 0 … 255
  by: number; // 0 … 255
}

export interface Boom {
  type: "Boom";
  x: number; // -1024 … 1024, step 0.0625
  y: number; // -1024 … 1024, step 0.0625
  seat: number; // 0 … 255
  by: number; // -1 … 255
}

export interface Spawned {
  type: "Spawned";
  seat: number; // 0 … 255
}

export interface Taken {
  type: "Taken";
  seat: number; // 0 … 255
  kind: "ammo" | "health" | "rapid" | "shield";
}

export interface RoundStart {
  type: "RoundStart";
  round: number; // 1 … 20
}

export interface RoundOver {
  type: "RoundOver";
  round: number; // 1 … 20
  seat: number; // -1 … 255
  team: number; // -1 … 15
}

export type Event = Fired | DryFire | Hit | Boom | Spawned | Taken | RoundStart | RoundOver;
