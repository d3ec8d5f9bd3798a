//! A part of the graph: what is up or down stream of an event, a handler or a module.
