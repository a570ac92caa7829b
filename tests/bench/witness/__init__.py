"""The witness: decodes what one client of a room received with the peer's real client, and holds it to the law of motion."""
