//! Folders as artifacts, both ways: the meeting of packing, which knows no network, with the ends of a copy, which know no
//! files. What was seen of a folder is kept between two pushes, and between two pulls.

pub mod files;
pub mod memory;
pub mod overlap;
pub mod pull;
pub mod push;
pub(crate) mod stream;
