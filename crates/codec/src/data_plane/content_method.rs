//! What methods with content have in common: how they come out of arguments, and go into frames, in two forms.

macro_rules! content_method {
    ($owned:ident, $borrowed:ident, $arm:ident, $($len:ident = $part:ident),*) => {
        impl $owned {
            /// Measures the strings in arguments that are well formed; what is returned makes the method once the
            /// arguments are shared.
            #[inline(always)]
            pub(crate) fn measure(arguments: &[u8]) -> Option<impl FnOnce(Bytes) -> Self + use<>> {
                let Ok(([], parts)) = $borrowed::parse(arguments) else { return None };
                $(let $len = parts.$part.len() as u8;)*
                Some(move |raw| Self { raw, $($len),* })
            }

            /// The parts, borrowed.
            #[must_use]
            pub fn parts(&self) -> $borrowed<'_> {
                $borrowed::parse(&self.raw).map(|(_, parts)| parts).unwrap_or_default()
            }

            /// The arguments as they are on the wire.
            #[must_use]
            pub fn as_bytes(&self) -> &[u8] {
                &self.raw
            }

            /// The shared arguments as they are on the wire.
            #[must_use]
            pub fn into_bytes(self) -> Bytes {
                self.raw
            }

            /// The same method in memory of its own, so that it does not keep a read buffer alive.
            #[must_use]
            pub fn detached(&self) -> Self {
                Self { raw: Bytes::copy_from_slice(&self.raw), ..*self }
            }

            /// Octets of the whole method frame.
            #[must_use]
            pub fn encoded_len(&self) -> usize {
                FRAME_OVERHEAD + 4 + self.raw.len()
            }

            /// Writes the whole method frame.
            #[inline]
            pub fn encode(&self, channel: ChannelId, out: &mut impl BufMut) {
                out.put_slice(&method_head(channel, MethodId::$arm, self.raw.len()));
                out.put_slice(&self.raw);
                out.put_u8(FRAME_END);
            }

            pub(crate) fn arguments_len(&self) -> usize {
                self.raw.len()
            }

            pub(crate) fn encode_arguments(&self, out: &mut impl BufMut) {
                out.put_slice(&self.raw);
            }

            pub(crate) fn decode<'a>(arguments: &mut Arguments<'a>) -> Taken<'a, Self> {
                let (rest, parts) = arguments.peek($borrowed::parse)?;
                let raw = arguments.until(rest);
                Ok(Self { raw, $($len: parts.$part.len() as u8),* })
            }
        }

        impl<'a> $borrowed<'a> {
            /// Octets of the whole method frame.
            #[must_use]
            pub fn encoded_len(&self) -> usize {
                FRAME_OVERHEAD + 4 + self.arguments_len()
            }

            /// Writes the whole method frame.
            #[inline]
            pub fn encode(&self, channel: ChannelId, out: &mut impl BufMut) {
                out.put_slice(&method_head(channel, MethodId::$arm, self.arguments_len()));
                self.encode_arguments(out);
                out.put_u8(FRAME_END);
            }
        }

        impl From<$borrowed<'_>> for $owned {
            fn from(parts: $borrowed<'_>) -> Self {
                let mut raw = Vec::with_capacity(parts.arguments_len());
                parts.encode_arguments(&mut raw);
                Self { raw: raw.into(), $($len: parts.$part.len() as u8),* }
            }
        }

        impl From<$borrowed<'_>> for Method {
            fn from(parts: $borrowed<'_>) -> Self {
                Self::$arm(parts.into())
            }
        }

        impl Default for $owned {
            fn default() -> Self {
                $borrowed::default().into()
            }
        }

        impl fmt::Debug for $owned {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.parts(), f)
            }
        }
    };
}

pub(super) use content_method;
