//! Reads Rust: who subscribes, handles and publishes by the crate `buswork`.
