//! Properties from text and numbers.

use super::{Properties, PropertiesRef};
use crate::{ShortRef, Table, TooLong};

/// Builds properties from text and numbers.
///
/// ```
/// use warrener_codec::Properties;
///
/// let properties = Properties::builder().content_type("text/plain").delivery_mode(2).build()?;
/// assert_eq!(properties.delivery_mode(), Some(2));
/// assert_eq!(properties.content_type().unwrap(), "text/plain");
/// # Ok::<(), warrener_codec::TooLong>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct PropertiesBuilder<'a> {
    parts: PropertiesRef<'a>,
    too_long: bool,
}

impl<'a> PropertiesBuilder<'a> {
    fn text(&mut self, text: &'a (impl AsRef<[u8]> + ?Sized)) -> Option<ShortRef<'a>> {
        let short = ShortRef::new(text.as_ref());
        self.too_long |= short.is_none();
        short
    }

    /// MIME type.
    #[must_use]
    pub fn content_type(mut self, value: &'a (impl AsRef<[u8]> + ?Sized)) -> Self {
        self.parts.content_type = self.text(value);
        self
    }

    /// MIME content encoding.
    #[must_use]
    pub fn content_encoding(mut self, value: &'a (impl AsRef<[u8]> + ?Sized)) -> Self {
        self.parts.content_encoding = self.text(value);
        self
    }

    /// Application headers, and what brokers add, such as `x-death`.
    #[must_use]
    pub fn headers(mut self, value: &'a Table) -> Self {
        self.parts.headers = Some(value.as_table_ref());
        self
    }

    /// 1 transient, 2 persistent.
    #[must_use]
    pub fn delivery_mode(mut self, value: u8) -> Self {
        self.parts.delivery_mode = Some(value);
        self
    }

    /// 0 to 9 by the specification; RabbitMQ allows 255.
    #[must_use]
    pub fn priority(mut self, value: u8) -> Self {
        self.parts.priority = Some(value);
        self
    }

    /// Which request this answers.
    #[must_use]
    pub fn correlation_id(mut self, value: &'a (impl AsRef<[u8]> + ?Sized)) -> Self {
        self.parts.correlation_id = self.text(value);
        self
    }

    /// Where answers should go.
    #[must_use]
    pub fn reply_to(mut self, value: &'a (impl AsRef<[u8]> + ?Sized)) -> Self {
        self.parts.reply_to = self.text(value);
        self
    }

    /// Time to live in milliseconds, as text.
    #[must_use]
    pub fn expiration(mut self, value: &'a (impl AsRef<[u8]> + ?Sized)) -> Self {
        self.parts.expiration = self.text(value);
        self
    }

    /// The application's name for the message.
    #[must_use]
    pub fn message_id(mut self, value: &'a (impl AsRef<[u8]> + ?Sized)) -> Self {
        self.parts.message_id = self.text(value);
        self
    }

    /// Seconds since the Unix epoch.
    #[must_use]
    pub fn timestamp(mut self, value: u64) -> Self {
        self.parts.timestamp = Some(value);
        self
    }

    /// The application's type of message (`type`).
    #[must_use]
    pub fn kind(mut self, value: &'a (impl AsRef<[u8]> + ?Sized)) -> Self {
        self.parts.kind = self.text(value);
        self
    }

    /// Who published; RabbitMQ checks it against the login.
    #[must_use]
    pub fn user_id(mut self, value: &'a (impl AsRef<[u8]> + ?Sized)) -> Self {
        self.parts.user_id = self.text(value);
        self
    }

    /// Which application published.
    #[must_use]
    pub fn app_id(mut self, value: &'a (impl AsRef<[u8]> + ?Sized)) -> Self {
        self.parts.app_id = self.text(value);
        self
    }

    /// Reserved; kept.
    #[must_use]
    pub fn cluster_id(mut self, value: &'a (impl AsRef<[u8]> + ?Sized)) -> Self {
        self.parts.cluster_id = self.text(value);
        self
    }

    /// The properties.
    ///
    /// # Errors
    ///
    /// When one of the texts is longer than 255 octets.
    pub fn build(self) -> Result<Properties, TooLong> {
        if self.too_long { Err(TooLong) } else { Ok(self.parts.to_owned()) }
    }
}
