//! The limits of the receive half. Each has its own error and status; reaching one is an error, never a stall.

/// Bounds on what a peer may make the machine, and so its owner's buffers, hold or do.
///
/// All sizes are bytes. A limit is inclusive: exactly so much is still accepted. A head and a trailer section cannot be
/// limited to less than 2 bytes, nor to more than 2^31 - 2.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Limits {
    /// A head from its first byte to the blank line, with any CRLF skipped before it. Default 8,192, the
    /// reference's `maxHeaderSize`. Beyond: [`HeadTooLarge`](crate::RecvErrorKind::HeadTooLarge), 431.
    pub head_bytes: u32,
    /// The request target. Default 8,000, the least RFC 9112 section 3 recommends for a request line. Beyond:
    /// [`TargetTooLong`](crate::RecvErrorKind::TargetTooLong), 414.
    pub target_bytes: u32,
    /// The method. Default 32. Beyond: [`MethodTooLong`](crate::RecvErrorKind::MethodTooLong), 501.
    pub method_bytes: u16,
    /// Field lines in a head, and separately in a trailer section. Default 2,000 (`maxHeadersCount`); 0 means no
    /// limit but the section's bytes. Beyond: [`TooManyFields`](crate::RecvErrorKind::TooManyFields), 431.
    pub fields: u16,
    /// One chunk line with its extensions and CRLF. Default 4,096; less than 16 counts as 16. Beyond:
    /// [`ChunkLineTooLong`](crate::RecvErrorKind::ChunkLineTooLong), 400.
    pub chunk_line_bytes: u16,
    /// How far the framing of one message's chunks may outweigh its content. Each chunk adds the length of its
    /// line, less 16, less twice its data; the sum (never below zero) may not pass this. Default 16,384. Beyond:
    /// [`ChunkOverhead`](crate::RecvErrorKind::ChunkOverhead), 400.
    pub chunk_overhead: u32,
    /// A trailer section with its blank line. Default 8,192. Beyond:
    /// [`TrailersTooLarge`](crate::RecvErrorKind::TrailersTooLarge), 431.
    pub trailer_bytes: u32,
    /// The content of one message, without its framing. Default none (`u64::MAX`), as in the reference; nginx has
    /// 1 MiB. A server can set another for the request at hand with
    /// [`limit_content`](crate::Conn::limit_content). Beyond:
    /// [`ContentTooLarge`](crate::RecvErrorKind::ContentTooLarge), 413.
    pub content_bytes: u64,
    /// Interim (1xx) responses before one final response. Default 64. Beyond:
    /// [`TooManyInformational`](crate::RecvErrorKind::TooManyInformational). 255 means no limit.
    pub informational: u8,
}

impl Limits {
    /// The defaults.
    pub const DEFAULT: Self = Self {
        head_bytes: 8192,
        target_bytes: 8000,
        method_bytes: 32,
        fields: 2000,
        chunk_line_bytes: 4096,
        chunk_overhead: 16384,
        trailer_bytes: 8192,
        content_bytes: u64::MAX,
        informational: 64,
    };

    /// The most a section can have: its offsets have 31 bits.
    pub(crate) const MOST: u32 = (1 << 31) - 2;

    /// The most contiguous bytes the machine can ever ask for: with this much input in hand it never answers
    /// [`NeedInput`](crate::Recv::NeedInput). It is the bound of an adapter's read buffer.
    pub const fn max_contiguous(&self) -> usize {
        // The least that a chunk line is limited to.
        let mut n = 16;
        if self.head_bytes > n {
            n = self.head_bytes;
        }
        if self.trailer_bytes > n {
            n = self.trailer_bytes;
        }
        if self.chunk_line_bytes as u32 > n {
            n = self.chunk_line_bytes as u32;
        }
        n as usize
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}
