"""Between the processes: the channel layer both ways, one subscription per process, order and completeness on top."""
