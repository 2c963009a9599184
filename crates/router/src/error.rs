//! Why a binding was refused.

/// Why [`Router::bind`](crate::Router::bind) refused; nothing was changed.
///
/// The embedder is to blame for unknown exchanges and missing identities; whoever wrote the rule is for all others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BindError {
    /// The source, or the target exchange, was never added or has been removed.
    #[error("no such exchange")]
    UnknownExchange,
    /// The key is longer than [`KEY_BYTES_MAX`](crate::limits::KEY_BYTES_MAX).
    #[error("the binding key is too long")]
    KeyTooLong,
    /// The arguments are larger than [`ARGUMENTS_BYTES_MAX`](crate::limits::ARGUMENTS_BYTES_MAX).
    #[error("the binding arguments are too large")]
    ArgumentsTooLarge,
    /// The router holds [`BINDINGS_MAX`](crate::limits::BINDINGS_MAX) bindings or targets.
    #[error("the router is full")]
    Full,
    /// The argument `x-match` of a headers binding is text, but none of the four modes.
    #[error("x-match must be all, any, all-with-x, or any-with-x")]
    MatchMode,
    /// The argument `x-match` of a headers binding is not text.
    #[error("x-match must be a string")]
    MatchModeType,
    /// The key of a consistent-hash binding is not an integer.
    #[error("the binding key must be an integer")]
    WeightNotInteger,
    /// The key of a consistent-hash binding is zero or less.
    #[error("the binding key must be greater than 0")]
    WeightNotPositive,
    /// The key of a consistent-hash binding is above [`WEIGHT_MAX`](crate::limits::WEIGHT_MAX).
    #[error("the binding key is above the greatest weight")]
    WeightTooLarge,
    /// A consistent-hash or modulus-hash exchange places its targets by identity, and the rule has none.
    #[error("a hash exchange needs the identity of the target")]
    IdentityMissing,
}
