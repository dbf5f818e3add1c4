//! Online checkpoints of a live LSM tree: absent or complete after every crash; verify, restore, sweep.
