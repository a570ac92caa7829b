"""The clients: the Python SDK with its bots, and the browser SDK with its pages."""
