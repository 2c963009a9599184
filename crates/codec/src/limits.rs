//! Every bound the codec holds a peer to, in one place.

/// What a peer may send. Every field is a bound on memory or work; all are checked before either is spent.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// The largest whole frame in octets, as negotiated by tune: its payload plus eight
    /// ([`FRAME_OVERHEAD`](crate::FRAME_OVERHEAD)). Zero means no limit (AMQP 0-9-1 §1.4.2.6).
    pub frame_max: u32,
    /// Octets by which a *received* frame may pass `frame_max`: some clients forget to count the envelope
    /// (RabbitMQ extension: it grants the same eight octets).
    pub frame_slack: u32,
    /// How deep tables and arrays may nest. A table without nested values has depth 1.
    pub table_depth: u8,
    /// How many values one table may hold in all, those of nested tables and arrays included.
    pub table_entries: u32,
    /// The longest long string or byte array in octets.
    pub long_str_bytes: u32,
    /// Leaves the properties of content headers unchecked until they are read. A proxy or sniffer saves a few
    /// nanoseconds; a broker that stores messages should not set it.
    pub lazy_properties: bool,
}

impl Limits {
    /// The smallest frame size every peer must accept (AMQP 0-9-1 §4.2.3: `frame-min-size`).
    pub const FRAME_MIN: u32 = 4096;

    /// The widest limits the codec itself can keep: what builders are held to.
    pub const WIDEST: Self = Self {
        frame_max: 0,
        frame_slack: 0,
        table_depth: u8::MAX,
        table_entries: u32::MAX,
        long_str_bytes: u32::MAX,
        lazy_properties: false,
    };

    /// The default limits with another `frame_max`.
    #[must_use]
    pub fn with_frame_max(frame_max: u32) -> Self {
        Self { frame_max, ..Self::default() }
    }

    /// The largest payload, in octets, that a received frame may carry.
    #[must_use]
    pub const fn payload_max(&self) -> u32 {
        match self.frame_max {
            0 => u32::MAX - crate::FRAME_OVERHEAD as u32,
            frame_max => frame_max
                .saturating_add(self.frame_slack)
                .saturating_sub(crate::FRAME_OVERHEAD as u32),
        }
    }
}

impl Default for Limits {
    /// 128 KiB frames, 64 levels, 16,384 values, 16 MiB strings, checked properties.
    fn default() -> Self {
        Self {
            frame_max: 131_072,
            frame_slack: 8,
            table_depth: 64,
            table_entries: 16_384,
            long_str_bytes: 16 * 1024 * 1024,
            lazy_properties: false,
        }
    }
}
