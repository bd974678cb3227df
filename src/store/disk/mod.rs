//! The journal in a data directory: segments of frames as the truth, sled as the index made from them.
//!
//! From the bottom: `device` (a file system that a test can fail), `frame`, `segment`, `anchor`,
//! `record`, `streams`, `tidy` and `recover` (reading at opening), `reader`, `table` (sled), `index`,
//! `blob`, `writer`, `cleaner`, `examine`, `backup`, `line` (queue and threads), `lock`, `directory`, and `journal` over all.

mod anchor;
mod backup;
mod blob;
mod cleaner;
mod device;
mod directory;
mod examine;
mod frame;
mod index;
mod journal;
mod line;
mod lock;
mod reader;
mod record;
mod recover;
mod segment;
mod streams;
mod table;
mod tidy;
mod torn;
mod writer;

#[cfg(test)]
mod faulty;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_of_cleaning;
#[cfg(test)]
mod tests_of_corruption;
#[cfg(test)]
mod tests_of_crashes;
#[cfg(test)]
mod tests_of_images;
#[cfg(test)]
mod tests_of_index;
#[cfg(test)]
mod tests_of_leftovers;

pub use backup::{Copied, copy_all, copy_file, private_file};
pub use directory::{FORMAT, Host, Imported, OpenError};
pub use examine::Examination;
pub use journal::{DiskJournal, Settings};
pub use recover::Damage;
pub use torn::{SALVAGE, torn};
