//! Listeners and connections: frames in, ordered responses out, within a memory budget.
