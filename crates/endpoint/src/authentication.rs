//! Names and passwords that somebody else knows: what a host may ask in place of its own list of users.

use alloc::boxed::Box;
use core::fmt;
use core::pin::Pin;

use warrener_codec::ShortStr;
use warrener_connection::Secret;

/// Who is let in by name and password: a directory, a token's signature, whatever the program around a broker knows.
///
/// It says who somebody is. What they may do is the broker's to say: the user it names must be known there, with permissions.
pub trait Authentication: fmt::Debug + Send + Sync {
    /// Whether this password is right for this name; which may be empty, or a claim that the password proves. It may take
    /// its time: only this client waits, for as long as a handshake may take.
    fn check<'a>(&'a self, name: &'a str, password: &'a Secret) -> Checked<'a>;
}

/// The user that a client is, by the name that the broker knows; or why it is none, for the log and not for the client.
pub type Checked<'a> = Pin<Box<dyn Future<Output = Result<ShortStr, Box<str>>> + Send + 'a>>;
