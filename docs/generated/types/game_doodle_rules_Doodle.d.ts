// game.doodle.rules:Doodle, version 1. Generated; do not edit.

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

export interface CursorsRow {
  seat: number; // 0 … 255
  name: string; // at most 48 bytes
  colour: number; // 0 … 15
  x: number; // 0 … 1000, step 0.25
  y: number; // 0 … 1000, step 0.25
  pen: boolean;
}

export interface DotsRow {
  x: number; // 0 … 1000, step 0.25
  y: number; // 0 … 1000, step 0.25
  colour: number; // 0 … 15
}

export interface World {
  _room: RoomRow;
  _seats: Map<number, SeatsRow>;
  cursors: Map<number, CursorsRow>;
  dots: Map<number, DotsRow>;
}

export interface Move {
  type: "Move";
  x: number; // 0 … 1000, step 0.25
  y: number; // 0 … 1000, step 0.25
  pen: boolean;
}

export type Input = Move;

export type Event = never;
