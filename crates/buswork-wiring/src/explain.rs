//! Why a handler gets an event, or why not.
