//! Reads Python.
