//! An in-memory filesystem that yields every legal crash state, injects faults and traces calls, from a seed.
