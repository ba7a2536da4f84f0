//! Which fields stay on the connection they came on, and the others (RFC 9110 section 7.6.1).

use crate::class::is_token;
use crate::fields::Fields;
use crate::send::FieldSource;
use crate::send::may_be_trailer;
use crate::values::between_commas;
use core::cmp::Ordering;
use smallvec::SmallVec;

/// The fields that belong to the connection a message came on, and must not be sent on:
///
/// - what its `Connection` fields name, and `Connection` itself;
/// - `Proxy-Connection`, `Keep-Alive`, `TE`, `Transfer-Encoding`, `Upgrade`, named or not;
/// - `Content-Length`, because the framing of what is sent is rebuilt: whatever a peer names in `Connection`, the
///   message keeps its framing;
/// - `Proxy-Authenticate`, `Proxy-Authentication-Info` and `Proxy-Authorization`, unless they are
///   [kept](Self::keep_proxy_authentication).
///
/// `Host` stays with the message even if it is named, because there is no valid request without it.
#[derive(Clone, Debug)]
pub struct HopByHop<'a> {
    /// Sorted, for a peer chooses how many there are.
    named: SmallVec<[&'a [u8]; 8]>,
    proxy_authentication: bool,
    upgrade: bool,
}

impl<'a> HopByHop<'a> {
    /// Reads the `Connection` fields of a head.
    pub fn of(fields: &Fields<'a, 'a>) -> Self {
        let options = fields.get_all("connection").flat_map(between_commas);
        let mut named: SmallVec<[&[u8]; 8]> = options.filter(|o| is_token(o)).collect();
        named.sort_unstable_by(|a, b| compare(a, b));
        Self { named, proxy_authentication: false, upgrade: false }
    }

    /// Whether the fields that authenticate to a proxy are sent on. Default `false`.
    #[must_use]
    pub fn keep_proxy_authentication(self, keep: bool) -> Self {
        Self { proxy_authentication: keep, ..self }
    }

    /// Whether `Upgrade` is sent on. Default `false`.
    #[must_use]
    pub fn keep_upgrade(self, keep: bool) -> Self {
        Self { upgrade: keep, ..self }
    }

    /// Whether the field `name` stays here.
    ///
    /// ```
    /// use h1wire_proto::{Headers, HopByHop};
    /// let mut headers = Headers::new();
    /// headers.set("Connection", "close, X-Own, Host")?;
    /// let hop = HopByHop::of(&headers.as_fields());
    /// assert!(hop.contains(b"x-own") && hop.contains(b"Content-Length"));
    /// assert!(!hop.contains(b"Host") && !hop.contains(b"Accept"));
    /// # Ok::<(), h1wire_proto::SendError>(())
    /// ```
    pub fn contains(&self, name: &[u8]) -> bool {
        let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
        // The length alone sorts out most names.
        match name.len() {
            2 if is("te") => return true,
            4 if is("host") => return false,
            7 if is("upgrade") => return !self.upgrade,
            10 if is("connection") || is("keep-alive") => return true,
            14 if is("content-length") => return true,
            16 if is("proxy-connection") => return true,
            17 if is("transfer-encoding") => return true,
            18 if is("proxy-authenticate") && !self.proxy_authentication => return true,
            19 if is("proxy-authorization") && !self.proxy_authentication => return true,
            25 if is("proxy-authentication-info") && !self.proxy_authentication => return true,
            _ => {}
        }
        self.named.binary_search_by(|option| compare(option, name)).is_ok()
    }
}

/// Shorter names first: mostly one comparison of numbers.
fn compare(a: &[u8], b: &[u8]) -> Ordering {
    a.len()
        .cmp(&b.len())
        .then_with(|| a.iter().map(u8::to_ascii_lowercase).cmp(b.iter().map(u8::to_ascii_lowercase)))
}

/// The fields of a section that are sent on, in order and as received.
#[derive(Clone, Debug)]
pub struct EndToEnd<'a> {
    hop: HopByHop<'a>,
    fields: Fields<'a, 'a>,
    are_trailers: bool,
}

impl<'a> EndToEnd<'a> {
    /// The fields of `fields` that do not stay here by `hop`.
    pub fn new(hop: HopByHop<'a>, fields: Fields<'a, 'a>) -> Self {
        Self { hop, fields, are_trailers: false }
    }

    /// The same of a trailer section, without those that may not be sent in one: a recipient may drop them (RFC 9110
    /// section 6.5.1), and the sender of the next hop refuses them.
    #[must_use]
    pub fn trailers(self) -> Self {
        Self { are_trailers: true, ..self }
    }

    /// The fields in order.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let fields: Fields<'_, '_> = self.fields;
        let goes = |name: &[u8]| !self.hop.contains(name) && (!self.are_trailers || may_be_trailer(name));
        fields.into_iter().filter(move |(name, _)| goes(name))
    }
}

impl FieldSource for EndToEnd<'_> {
    fn fields(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.iter()
    }
}
