//! The journal in a data directory: segments of frames as the truth, sled as the index made from them.
//!
//! From the bottom: `device` (a file system that a test can fail), `frame`, `segment`, `anchor`,
//! `streams`, `recover` (reading at opening), `reader`, `table` (sled), `index`, `blob`, `writer`,
//! `line` (its queue and thread), `lock`, `directory`, and `journal` over all of them.

mod anchor;
mod blob;
mod device;
mod directory;
mod frame;
mod index;
mod journal;
mod line;
mod lock;
mod reader;
mod recover;
mod segment;
mod streams;
mod table;
mod writer;

#[cfg(test)]
mod faulty;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_of_corruption;
#[cfg(test)]
mod tests_of_crashes;
#[cfg(test)]
mod tests_of_images;
#[cfg(test)]
mod tests_of_index;

pub use directory::{FORMAT, Host, OpenError};
pub use journal::{DiskJournal, Settings};
pub use recover::Damage;
