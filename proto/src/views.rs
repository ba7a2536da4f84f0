//! What a message says when its field lines are read together: the rules for duplicates, distinct names, lists.
//!
//! A view borrows the fields and changes nothing. It works on every [`FieldSource`]: received [`Fields`], owned
//! `Headers`, arrays of pairs. The lines themselves, in order and with case and duplicates, are the
//! source's own iterator.

use crate::fields::Fields;
use crate::send::FieldSource;
use crate::values::{KeepAlive, members};
use alloc::borrow::Cow;
use alloc::vec::Vec;
use core::cmp::Ordering;

/// How several lines of the same name become one value.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Duplicates {
    /// The first line counts, the others are dropped: fields that can have one value only.
    First,
    /// Never combined (`Set-Cookie`, RFC 9110 section 5.3).
    List,
    /// Joined with `; ` (`Cookie`).
    Semicolon,
    /// Joined with `, ` (RFC 9110 section 5.2): every other field.
    Comma,
}

impl Duplicates {
    /// The rule for the field `name`. It is that of Node's `message.headers`.
    ///
    /// ```
    /// use h1wire_proto::Duplicates;
    /// assert_eq!(Duplicates::of(b"Content-Type"), Duplicates::First);
    /// assert_eq!(Duplicates::of(b"x-forwarded-for"), Duplicates::Comma);
    /// ```
    pub fn of(name: &[u8]) -> Self {
        let is = |other: &&str| name.eq_ignore_ascii_case(other.as_bytes());
        if is(&"set-cookie") {
            Self::List
        } else if is(&"cookie") {
            Self::Semicolon
        } else if FIRST_WINS.iter().any(is) {
            Self::First
        } else {
            Self::Comma
        }
    }

    /// What is put between joined values. `None` where nothing is joined.
    const fn separator(self) -> Option<&'static [u8]> {
        match self {
            Self::First | Self::List => None,
            Self::Semicolon => Some(b"; "),
            Self::Comma => Some(b", "),
        }
    }
}

const FIRST_WINS: [&str; 18] = [
    "age",
    "authorization",
    "content-length",
    "content-type",
    "etag",
    "expires",
    "from",
    "host",
    "if-modified-since",
    "if-unmodified-since",
    "last-modified",
    "location",
    "max-forwards",
    "proxy-authorization",
    "referer",
    "retry-after",
    "server",
    "user-agent",
];

/// The fields of a message read by name. Copies of a view are cheap.
///
/// ```
/// use h1wire_proto::View;
/// let fields = [("Accept", "a"), ("Host", "x"), ("accept", "b"), ("host", "y")];
/// let view = View::new(&fields);
/// assert_eq!(view.get("accept").as_deref(), Some(&b"a, b"[..]));
/// assert_eq!(view.get("host").as_deref(), Some(&b"x"[..]));
/// ```
#[derive(Debug)]
pub struct View<'a, S: ?Sized> {
    source: &'a S,
    join_all: bool,
}

impl<S: ?Sized> Clone for View<'_, S> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<S: ?Sized> Copy for View<'_, S> {}

impl<'a, S: FieldSource + ?Sized> View<'a, S> {
    /// A view of `source` by the rules of [`Duplicates::of`].
    pub fn new(source: &'a S) -> Self {
        Self { source, join_all: false }
    }

    /// With `true`, values that would be dropped as duplicates are joined with `, ` instead (Node's
    /// `joinDuplicateHeaders`). Default `false`.
    #[must_use]
    pub fn join_duplicates(self, join_all: bool) -> Self {
        Self { join_all, ..self }
    }

    /// The value of the field `name`, whatever its case: one value by the rule for its duplicates. Allocates only to
    /// join. `Set-Cookie` is never joined: this is then the first line, and [`get_all`](Self::get_all) has them all.
    pub fn get(&self, name: &str) -> Option<Cow<'a, [u8]>> {
        combine(self.get_all(name), self.rule(name.as_bytes()))
    }

    /// Like [`get`](Self::get), joining into `scratch`, which is cleared first and keeps its memory.
    pub fn get_into<'b>(&self, name: &str, scratch: &'b mut Vec<u8>) -> Option<&'b [u8]>
    where
        'a: 'b,
    {
        let mut values = self.get_all(name);
        let first = values.next()?;
        let (Some(separator), Some(second)) = (self.rule(name.as_bytes()).separator(), values.next()) else {
            return Some(first);
        };
        scratch.clear();
        join(first, second, values, separator, scratch);
        Some(scratch)
    }

    /// The values of all lines named `name`, in order.
    pub fn get_all<'n>(&self, name: &'n str) -> impl Iterator<Item = &'a [u8]> + use<'a, 'n, S> {
        self.source
            .fields()
            .filter(move |(n, _)| n.eq_ignore_ascii_case(name.as_bytes()))
            .map(|(_, value)| value)
    }

    /// Whether a line named `name` is present.
    pub fn has(&self, name: &str) -> bool {
        self.get_all(name).next().is_some()
    }

    /// The members of the list-valued field `name` over all its lines (RFC 9110 section 5.6.1). Each line is split on
    /// its own, so that a quoted string one line leaves open cannot swallow the next.
    pub fn list<'n>(&self, name: &'n str) -> impl Iterator<Item = &'a [u8]> + use<'a, 'n, S> {
        self.get_all(name).flat_map(members)
    }

    /// Whether `token` is a member of the list-valued field `name`, whatever its case, as in
    /// `has_token("connection", "upgrade")`.
    pub fn has_token(&self, name: &str, token: &str) -> bool {
        self.list(name).any(|m| m.eq_ignore_ascii_case(token.as_bytes()))
    }

    /// The hint of the `Keep-Alive` field.
    pub fn keep_alive(&self) -> KeepAlive {
        KeepAlive::parse(self.get_all("keep-alive"))
    }

    /// Every name once, with its values: Node's `headersDistinct`, and by way of [`Named::value`] its `headers`.
    /// Allocates a table.
    pub fn distinct(&self) -> Distinct<'a> {
        Distinct::new(self.source.fields(), self.join_all)
    }

    fn rule(&self, name: &[u8]) -> Duplicates {
        rule(name, self.join_all)
    }
}

impl Fields<'_, '_> {
    /// These fields read by name, duplicates combined.
    pub fn view(&self) -> View<'_, Self> {
        View::new(self)
    }
}

/// Field lines grouped by name. Made by [`View::distinct`].
///
/// ```
/// use h1wire_proto::View;
/// let fields = [("B", "1"), ("a", "2"), ("b", "3")];
/// let distinct = View::new(&fields).distinct();
/// let b = distinct.iter().next().unwrap();
/// assert_eq!(&*b.name(), b"b");
/// assert_eq!(b.values().collect::<Vec<_>>(), [b"1", b"3"]);
/// ```
#[derive(Clone, Debug)]
pub struct Distinct<'a> {
    lines: Vec<Line<'a>>,
    /// Start and length of each group, in the order of their first lines.
    groups: Vec<(usize, usize)>,
    join_all: bool,
}

#[derive(Clone, Copy, Debug)]
struct Line<'a> {
    place: usize,
    name: &'a [u8],
    value: &'a [u8],
}

impl<'a> Distinct<'a> {
    fn new(fields: impl Iterator<Item = (&'a [u8], &'a [u8])>, join_all: bool) -> Self {
        let mut lines: Vec<_> =
            fields.enumerate().map(|(place, (name, value))| Line { place, name, value }).collect();
        // Sorted, not compared pair by pair: a peer chooses how many names there are. The sort is stable.
        lines.sort_by(|a, b| compare_names(a.name, b.name));
        let mut groups = Vec::new();
        let mut start = 0;
        for group in lines.chunk_by(|a, b| a.name.eq_ignore_ascii_case(b.name)) {
            groups.push((start, group.len()));
            start += group.len();
        }
        groups.sort_unstable_by_key(|(start, _)| lines.get(*start).map(|line| line.place));
        Self { lines, groups, join_all }
    }

    /// How many distinct names there are.
    pub fn len(&self) -> usize {
        self.groups.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// Every name once, in the order of their first lines.
    pub fn iter(&self) -> impl Iterator<Item = Named<'_, 'a>> {
        self.groups.iter().filter_map(|(start, len)| {
            Some(Named { lines: self.lines.get(*start..start + len)?, join_all: self.join_all })
        })
    }

    /// The lines named `name`, whatever its case.
    pub fn get(&self, name: &str) -> Option<Named<'_, 'a>> {
        self.iter().find(|field| field.raw_name().eq_ignore_ascii_case(name.as_bytes()))
    }
}

/// All lines of one name. An item of [`Distinct`].
#[derive(Clone, Copy, Debug)]
pub struct Named<'d, 'a> {
    lines: &'d [Line<'a>],
    join_all: bool,
}

impl<'d, 'a> Named<'d, 'a> {
    /// The name in lower case. Allocates only to change it.
    pub fn name(&self) -> Cow<'a, [u8]> {
        let name = self.raw_name();
        if name.iter().any(u8::is_ascii_uppercase) {
            return Cow::Owned(name.to_ascii_lowercase());
        }
        Cow::Borrowed(name)
    }

    /// The name as the first line has it.
    pub fn raw_name(&self) -> &'a [u8] {
        self.lines.first().map(|line| line.name).unwrap_or_default()
    }

    /// The value of each line, in order.
    pub fn values(&self) -> impl ExactSizeIterator<Item = &'a [u8]> + use<'d, 'a> {
        self.lines.iter().map(|line| line.value)
    }

    /// The one value by the rule for duplicates, as [`View::get`] gives it.
    pub fn value(&self) -> Cow<'a, [u8]> {
        combine(self.values(), rule(self.raw_name(), self.join_all)).unwrap_or_default()
    }
}

fn rule(name: &[u8], join_all: bool) -> Duplicates {
    match Duplicates::of(name) {
        Duplicates::First if join_all => Duplicates::Comma,
        rule => rule,
    }
}

fn combine<'a>(mut values: impl Iterator<Item = &'a [u8]>, rule: Duplicates) -> Option<Cow<'a, [u8]>> {
    let first = values.next()?;
    let (Some(separator), Some(second)) = (rule.separator(), values.next()) else {
        return Some(Cow::Borrowed(first));
    };
    let mut joined = Vec::new();
    join(first, second, values, separator, &mut joined);
    Some(Cow::Owned(joined))
}

fn join<'a>(
    first: &[u8],
    second: &'a [u8],
    more: impl Iterator<Item = &'a [u8]>,
    separator: &[u8],
    into: &mut Vec<u8>,
) {
    into.extend_from_slice(first);
    for value in core::iter::once(second).chain(more) {
        into.extend_from_slice(separator);
        into.extend_from_slice(value);
    }
}

/// The order of names whatever their case.
fn compare_names(a: &[u8], b: &[u8]) -> Ordering {
    a.iter().map(u8::to_ascii_lowercase).cmp(b.iter().map(u8::to_ascii_lowercase))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(value: Option<Cow<'_, [u8]>>) -> Option<String> {
        value.map(|v| String::from_utf8(v.into_owned()).unwrap())
    }

    #[test]
    fn of_a_field_with_one_value_only_the_first_line_counts_unless_duplicates_are_joined() {
        for name in FIRST_WINS {
            let upper = name.to_uppercase();
            let fields = [(upper.as_str(), "1"), (name, "2"), (name, "3")];
            assert_eq!(text(View::new(&fields).get(name)).as_deref(), Some("1"), "{name}");
            let joined = View::new(&fields).join_duplicates(true);
            assert_eq!(text(joined.get(name)).as_deref(), Some("1, 2, 3"), "{name}");
        }
    }

    #[test]
    fn cookies_are_joined_with_semicolons_and_everything_else_with_commas() {
        let fields = [("Cookie", "a=1"), ("X", "1"), ("cookie", "b=2"), ("x", ""), ("X", "3")];
        let view = View::new(&fields);
        assert_eq!(text(view.get("COOKIE")).as_deref(), Some("a=1; b=2"));
        assert_eq!(text(view.get("x")).as_deref(), Some("1, , 3"));
        assert_eq!(view.get("y"), None);
        assert!(view.has("X") && !view.has("y"));
    }

    #[test]
    fn set_cookie_is_never_joined() {
        let fields = [("Set-Cookie", "a=1, b"), ("set-cookie", "c")];
        for join in [false, true] {
            let view = View::new(&fields).join_duplicates(join);
            assert_eq!(text(view.get("set-cookie")).as_deref(), Some("a=1, b"));
            assert_eq!(view.get_all("set-cookie").collect::<Vec<_>>(), [&b"a=1, b"[..], b"c"]);
            assert_eq!(&*view.distinct().get("SET-COOKIE").unwrap().value(), b"a=1, b");
        }
    }

    #[test]
    fn a_single_line_is_borrowed_and_scratch_is_used_only_to_join() {
        let fields = [("a", "1"), ("b", "2"), ("B", "3")];
        let view = View::new(&fields);
        assert!(matches!(view.get("a"), Some(Cow::Borrowed(b"1"))));
        let mut scratch = b"before".to_vec();
        assert_eq!(view.get_into("a", &mut scratch), Some(&b"1"[..]));
        assert_eq!(view.get_into("c", &mut scratch), None);
        assert_eq!(scratch, b"before");
        let at = scratch.as_ptr();
        assert_eq!(view.get_into("b", &mut scratch), Some(&b"2, 3"[..]));
        assert_eq!(scratch.as_ptr(), at, "the scratch keeps its memory");
    }

    #[test]
    fn a_list_runs_over_all_its_lines_and_a_token_is_found_whatever_its_case() {
        let fields = [("Connection", "x, \"open"), ("connection", ", CLOSE,,"), ("other", "upgrade")];
        let view = View::new(&fields);
        assert_eq!(view.list("connection").collect::<Vec<_>>(), [&b"x"[..], b"\"open", b"CLOSE"]);
        assert!(view.has_token("connection", "close") && !view.has_token("connection", "upgrade"));
        assert_eq!(View::new(&[("Keep-Alive", "timeout=5")]).keep_alive().timeout, Some(5));
    }

    #[test]
    fn distinct_names_come_in_lower_case_in_the_order_of_their_first_lines_with_all_their_values() {
        let fields = [("Z", "1"), ("Host", "x"), ("a", "2"), ("z", "3"), ("hosT", "y"), ("A-b", "4")];
        let distinct = View::new(&fields).distinct();
        let all: Vec<_> = distinct
            .iter()
            .map(|f| (String::from_utf8(f.name().into_owned()).unwrap(), f.values().collect::<Vec<_>>()))
            .collect();
        let expected: [(&str, &[&[u8]]); 4] =
            [("z", &[b"1", b"3"]), ("host", &[b"x", b"y"]), ("a", &[b"2"]), ("a-b", &[b"4"])];
        assert_eq!(all, expected.map(|(n, v)| (n.to_owned(), v.to_vec())));
        assert_eq!(distinct.len(), 4);
        assert_eq!(&*distinct.get("Z").unwrap().value(), b"1, 3");
        assert_eq!(&*distinct.get("host").unwrap().value(), b"x");
        assert!(distinct.get("y").is_none() && View::new(&()).distinct().is_empty());
    }
}
