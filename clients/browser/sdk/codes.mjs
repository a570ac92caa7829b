/** What a room's code looks like, as `game/codes.py` has it; a test holds the two together. */

export const ROOM_CODE = /^[A-Za-z0-9_-]{1,40}$/;
