//! Messages on their way out: method, header and body frames, none larger than negotiated.

use bytes::BufMut;
use warrener_codec::method::basic;
use warrener_codec::{
    Body, ChannelId, Content, FRAME_END, FRAME_OVERHEAD, Method, MethodId, body_frame_head,
};

use super::{HEADER_FRAME_BYTES, Outbound};
use crate::Misuse;
use crate::legality::Role;

impl Outbound {
    /// Queues a method and its content: basic.publish of a client; basic.deliver, .return or .get-ok of a server.
    ///
    /// # Errors
    ///
    /// See [`Misuse`]; nothing was queued then.
    #[inline]
    pub fn send_content(
        &mut self,
        channel: ChannelId,
        method: &Method,
        content: &Content,
    ) -> Result<(), Misuse> {
        let id = method.id();
        if !id.has_content() {
            return Err(Misuse::Content(id));
        }
        if !self.role.sends(id) {
            return Err(Misuse::Method(id));
        }
        self.content(channel, method.encoded_len(), content, |out| method.encode(channel, out))
    }

    /// Queues basic.publish and its content from borrowed parts.
    ///
    /// # Errors
    ///
    /// See [`Misuse`]; nothing was queued then.
    #[inline]
    pub fn publish(
        &mut self,
        channel: ChannelId,
        publish: basic::PublishRef<'_>,
        content: &Content,
    ) -> Result<(), Misuse> {
        self.only(Role::Client, MethodId::BasicPublish)?;
        self.content(channel, publish.encoded_len(), content, |out| publish.encode(channel, out))
    }

    /// Queues basic.deliver and its content from borrowed parts.
    ///
    /// # Errors
    ///
    /// See [`Misuse`]; nothing was queued then.
    #[inline]
    pub fn deliver(
        &mut self,
        channel: ChannelId,
        deliver: basic::DeliverRef<'_>,
        content: &Content,
    ) -> Result<(), Misuse> {
        self.only(Role::Server, MethodId::BasicDeliver)?;
        self.content(channel, deliver.encoded_len(), content, |out| deliver.encode(channel, out))
    }

    /// Queues basic.return and its content from borrowed parts.
    ///
    /// # Errors
    ///
    /// See [`Misuse`]; nothing was queued then.
    pub fn return_content(
        &mut self,
        channel: ChannelId,
        returned: basic::ReturnRef<'_>,
        content: &Content,
    ) -> Result<(), Misuse> {
        self.only(Role::Server, MethodId::BasicReturn)?;
        self.content(channel, returned.encoded_len(), content, |out| returned.encode(channel, out))
    }

    /// Queues basic.get-ok and its content from borrowed parts.
    ///
    /// # Errors
    ///
    /// See [`Misuse`]; nothing was queued then.
    pub fn get_ok(
        &mut self,
        channel: ChannelId,
        get_ok: basic::GetOkRef<'_>,
        content: &Content,
    ) -> Result<(), Misuse> {
        self.only(Role::Server, MethodId::BasicGetOk)?;
        self.content(channel, get_ok.encoded_len(), content, |out| get_ok.encode(channel, out))
    }

    fn only(&self, role: Role, method: MethodId) -> Result<(), Misuse> {
        if self.role == role { Ok(()) } else { Err(Misuse::Method(method)) }
    }

    /// A method and its content: nothing comes between their frames.
    #[inline]
    fn content(
        &mut self,
        channel: ChannelId,
        method_len: usize,
        content: &Content,
        method: impl FnOnce(&mut &mut [u8]),
    ) -> Result<(), Misuse> {
        let header_len = HEADER_FRAME_BYTES + content.properties.encoded_len();
        self.check_frame(method_len)?;
        self.check_frame(header_len)?;
        self.check_sending(channel)?;
        let body_len = content.body.len();
        let small = body_len <= self.copy_max_bytes && self.fits_frame(FRAME_OVERHEAD + body_len);
        let heads = method_len + header_len;
        if !small || body_len == 0 {
            self.outgoing.fill(heads, |out| {
                method(out);
                content.encode_header(channel, out);
            });
            self.large_body(channel, &content.body);
            return Ok(());
        }
        let head = body_frame_head(channel, body_len);
        self.outgoing.fill(heads + head.len(), |out| {
            method(out);
            content.encode_header(channel, out);
            out.put_slice(&head);
        });
        self.outgoing.copy(body_len + 1, |out| {
            content.body.slices().iter().for_each(|slice| out.extend_from_slice(slice));
            out.push(FRAME_END);
        });
        Ok(())
    }

    /// Body frames, each as large as it may be, around slices that are shared where they are large.
    fn large_body(&mut self, channel: ChannelId, body: &Body) {
        let mut missing = body.len();
        let mut slices = body.slices().iter().cloned();
        let mut slice = slices.next().unwrap_or_default();
        while missing > 0 {
            let payload = missing.min(self.payload_max());
            missing -= payload;
            let head = body_frame_head(channel, payload);
            self.outgoing.copy(head.len(), |out| out.extend_from_slice(&head));
            let mut rest = payload;
            while rest > 0 {
                let piece = slice.split_to(slice.len().min(rest));
                rest -= piece.len();
                if slice.is_empty() {
                    slice = slices.next().unwrap_or_default();
                }
                if piece.len() <= self.copy_max_bytes {
                    self.outgoing.copy(piece.len(), |out| out.extend_from_slice(&piece));
                } else {
                    self.outgoing.share(piece);
                }
            }
            self.outgoing.copy(1, |out| out.push(FRAME_END));
        }
    }
}
