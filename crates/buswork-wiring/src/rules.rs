//! The rules: what is wrong with the wiring, how bad it is, and how to mend it.
