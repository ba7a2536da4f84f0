//! The limits of the receive half. Each has its own error and status; reaching one is an error, never a stall.

use crate::error::RecvErrorKind;

macro_rules! limits {
    ($(#[$type_doc:meta])* $name:ident { $($(#[$doc:meta])* $limit:ident: $type:ty = $default:expr, $kind:ident;)* }) => {
        $(#[$type_doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        pub struct $name {
            $($(#[$doc])* pub $limit: $type,)*
        }

        impl $name {
            /// The defaults.
            pub const DEFAULT: Self = Self { $($limit: $default,)* };
            /// Every limit: its name, the error beyond it, and how it is set. No limit, or more than the type can
            /// hold, counts as the most that it can.
            pub const NAMES: &'static [(&'static str, RecvErrorKind, fn(&mut Self, Option<u64>))] =
                &[$((stringify!($limit), RecvErrorKind::$kind, |limits, n| limits.$limit = Bound::bound(n)),)*];
        }
    };
}

limits! {
    /// Bounds on what a peer may make the machine, and so its owner's buffers, hold or do.
    ///
    /// All sizes are bytes. A limit is inclusive: exactly so much is still accepted, and `None` is no limit. A head and a
    /// trailer section cannot be limited to less than 2 bytes, nor to more than 2^31 - 2. Change what you need and take
    /// the rest from [`DEFAULT`](Self::DEFAULT): a minor version may add a limit.
    Limits {
        /// A head from its first byte to the blank line, with any CRLF skipped before it. Default 16,384, Node's
        /// `maxHeaderSize`. Beyond: [`HeadTooLarge`](RecvErrorKind::HeadTooLarge), 431.
        head_bytes: u32 = 16_384, HeadTooLarge;
        /// The request target. Default 8,000, the least RFC 9112 section 3 recommends for a request line. Beyond:
        /// [`TargetTooLong`](RecvErrorKind::TargetTooLong), 414.
        target_bytes: u32 = 8_000, TargetTooLong;
        /// The method. Default 32. Beyond: [`MethodTooLong`](RecvErrorKind::MethodTooLong), 501.
        method_bytes: u16 = 32, MethodTooLong;
        /// Field lines in a head, and separately in a trailer section. Default 2,000, Node's `maxHeadersCount`; `None`
        /// leaves it to the section's bytes. Beyond: [`TooManyFields`](RecvErrorKind::TooManyFields), 431.
        fields: Option<u32> = Some(2_000), TooManyFields;
        /// One chunk line with its extensions and CRLF. Default 4,096; less than 16 counts as 16. Beyond:
        /// [`ChunkLineTooLong`](RecvErrorKind::ChunkLineTooLong), 400.
        chunk_line_bytes: u16 = 4_096, ChunkLineTooLong;
        /// How far the framing of one message's chunks may outweigh its content. Each chunk adds the length of its
        /// line, less 16, less twice its data; the sum (never below zero) may not pass this. Default 16,384. Beyond:
        /// [`ChunkOverhead`](RecvErrorKind::ChunkOverhead), 400.
        chunk_overhead: Option<u32> = Some(16_384), ChunkOverhead;
        /// A trailer section with its blank line. Default 8,192. Beyond:
        /// [`TrailersTooLarge`](RecvErrorKind::TrailersTooLarge), 431.
        trailer_bytes: u32 = 8_192, TrailersTooLarge;
        /// The content of one message, without its framing. Default none, as in Node; nginx has 1 MiB. A server can set
        /// another for the request at hand with [`limit_content`](crate::Conn::limit_content). Beyond:
        /// [`ContentTooLarge`](RecvErrorKind::ContentTooLarge), 413.
        content_bytes: Option<u64> = None, ContentTooLarge;
        /// Interim (1xx) responses before one final response. Default 64. Beyond:
        /// [`TooManyInformational`](RecvErrorKind::TooManyInformational).
        informational: Option<u8> = Some(64), TooManyInformational;
    }
}

impl Limits {
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

/// The limits of sections and lines as a connection keeps them: in range, and none is a number that is never passed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Bounds {
    pub(crate) head: u32,
    pub(crate) target: u32,
    /// `u32::MAX` is none: a section has fewer bytes.
    pub(crate) fields: u32,
    /// `u32::MAX` is none: what is owed is counted to that.
    pub(crate) overhead: u32,
    pub(crate) trailers: u32,
    pub(crate) method: u16,
    pub(crate) chunk_line: u16,
}

impl Bounds {
    /// The most a section can have: its offsets have 31 bits.
    const MOST: u32 = (1 << 31) - 2;

    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            head: limits.head_bytes.clamp(2, Self::MOST),
            target: limits.target_bytes,
            fields: limits.fields.unwrap_or(u32::MAX),
            overhead: limits.chunk_overhead.unwrap_or(u32::MAX),
            trailers: limits.trailer_bytes.clamp(2, Self::MOST),
            method: limits.method_bytes,
            // The quick ways through chunk lines and empty trailers may rely on room for the shortest ones.
            chunk_line: limits.chunk_line_bytes.max(16),
        }
    }
}

/// The types of limits.
trait Bound {
    fn bound(n: Option<u64>) -> Self;
}

macro_rules! bound {
    ($($int:ty),*) => {
        $(impl Bound for $int {
            fn bound(n: Option<u64>) -> Self {
                n.and_then(|n| n.try_into().ok()).unwrap_or(Self::MAX)
            }
        })*
    };
}

bound!(u8, u16, u32, u64);

impl<T: Bound> Bound for Option<T> {
    fn bound(n: Option<u64>) -> Self {
        n.map(|n| T::bound(Some(n)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_limit_is_set_by_its_name_and_is_a_number_then() {
        for (name, _, set) in Limits::NAMES {
            let mut limits = Limits::DEFAULT;
            set(&mut limits, Some(5));
            let text = format!("{limits:?}");
            let shown = [format!(" {name}: 5"), format!(" {name}: Some(5)")];
            assert!(shown.iter().any(|shown| text.contains(shown)), "{name}: {text}");
        }
    }
}
