//! `wiring.lock.json`: the graph as a file to commit, one edge a line.
