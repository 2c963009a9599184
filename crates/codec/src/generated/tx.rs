//! Class tx, number 90. Transactions on a channel (AMQP 0-9-1 §1.9).

// Written by tests/generated from methods.txt. Change that, not this.
