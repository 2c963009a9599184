//! What the fuzz targets and the property tests share. Not part of the public interface.

mod history;
pub mod model;
mod topics;

pub use self::history::history;
pub use self::topics::topics;
