//! The run machine: pure, synchronous, the heart of the product.
//!
//! [`decide`](run::Run) takes a state, an input and the time and says what happens: events up to
//! the next wait, and effects. `evolve` is a closed table from (state, event) to state. Nothing here
//! reads a clock, draws a random number, waits, or touches the world.

pub mod event;
