"""The loop's side: rooms with their rules, seats, inputs, bots and streams, and the scheduler that drives them."""
