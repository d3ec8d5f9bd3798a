//! The graph held against what ran: every edge confirmed, not seen, or seen at run time only.
