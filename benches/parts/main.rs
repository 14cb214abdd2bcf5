//! What the parts of a pass cost, each by itself: `cargo bench`, or `cargo bench -- merge` for those of this name.
//!
//! What a whole pass costs, and how that compares: `benches/exchange/run`.

mod data;
mod diff;
mod exports;
mod merge;
mod state;

fn main() {
    divan::main();
}
