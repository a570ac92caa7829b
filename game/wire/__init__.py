"""The sans-I/O protocol: frames, messages, and both ends' machines. The text for people is docs/protocol.md."""
