//! The client against a broker that does what each test says, right or wrong.

mod abandoned;
mod back_pressure;
mod hostile;
mod recovery;
mod world;
