//! The command, run as a program; a file a theme.

mod answer;
mod check;
mod code;
mod compare;
mod confirm;
mod docs;
mod map;
mod workplace;
