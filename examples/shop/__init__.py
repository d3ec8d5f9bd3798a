"""A small modular shop. Its modules know the bus and the events, and not each other."""
