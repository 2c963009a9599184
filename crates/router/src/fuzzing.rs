//! What the fuzz targets and the property tests share. Not part of the public interface.

pub mod model;
